"""``rescue enter --dry-run``: every check, and the diff of the definition, with nothing touched."""

from __future__ import annotations

from dataclasses import replace

from lifebuoy.cli import output
from lifebuoy.model import StopMode
from lifebuoy.operations.context import Context
from lifebuoy.operations.plan import FORCED_TEXT, EnterRequest, plan


def show(context: Context, request: EnterRequest, *, as_json: bool) -> None:
    """Print what entering would do; consent is not needed to look."""
    found = plan(context, replace(request, consent=True))
    consent = found.was_running and not request.consent and request.stop is not StopMode.SOFT
    if as_json:
        output.print_json(
            {
                "dry_run": True,
                "instance": found.traits.name,
                "image": found.image.id,
                "was_running": found.was_running,
                "consent_needed": consent,
                "difference": found.difference,
            }
        )
        return
    output.say(output.diff_text(found.difference.splitlines()))
    output.note(
        f"Every check has passed: '{found.traits.name}' can enter rescue mode with image "
        f"'{found.image.id}'. Nothing was changed."
    )
    if consent:
        output.note(f"It is running, so your consent (--consent-force) is needed. {FORCED_TEXT}")
