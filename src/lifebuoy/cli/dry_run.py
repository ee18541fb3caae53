"""``rescue enter --dry-run``: every check, and the diff of the definition, with nothing touched."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lifebuoy.cli import output
from lifebuoy.model import StopMode
from lifebuoy.operations.context import Context
from lifebuoy.operations.plan import FORCED_TEXT, EnterRequest, plan


@dataclass(frozen=True, slots=True)
class Preview:
    """What entering would do: the instance, the image by its id, a diff of the definition."""

    instance: str
    image: str
    was_running: bool
    difference: str


def preview(context: Context, request: EnterRequest) -> Preview:
    """What entering would do; consent is not needed to look.

    Raises:
        LifebuoyError: see ``operations.plan.plan``.
    """
    found = plan(context, replace(request, consent=True))
    return Preview(found.traits.name, found.image.id, found.was_running, found.difference)


def show(found: Preview, request: EnterRequest, *, as_json: bool) -> None:
    """Print it."""
    consent = found.was_running and not request.consent and request.stop is not StopMode.SOFT
    if as_json:
        output.print_json(
            {
                "dry_run": True,
                "instance": found.instance,
                "image": found.image,
                "was_running": found.was_running,
                "consent_needed": consent,
                "difference": found.difference,
            }
        )
        return
    output.say(output.diff_text(found.difference.splitlines()))
    output.note(
        f"Every check has passed: '{found.instance}' can enter rescue mode with image "
        f"'{found.image}'. Nothing was changed."
    )
    if consent:
        output.note(f"It is running, so your consent (--consent-force) is needed. {FORCED_TEXT}")
