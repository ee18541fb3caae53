"""Entering rescue mode, as it is asked for: in one go here, or as an operation on record."""

from __future__ import annotations

from typing import Final

from lifebuoy.hypervisor import Progress
from lifebuoy.model import StopMode
from lifebuoy.operations import unrecorded
from lifebuoy.operations.context import Context
from lifebuoy.operations.entering import SEEDED, Entered, Entering
from lifebuoy.operations.operation import JsonObject, Kind, Work, no_progress
from lifebuoy.operations.plan import EnterRequest, plan
from lifebuoy.operations.runner import Listener, nobody
from lifebuoy.operations.seeding import Secrets

NAME: Final = "rescue-enter"


def enter(
    context: Context,
    request: EnterRequest,
    listener: Listener = nobody,
    upload: Progress = no_progress,
) -> Entered:
    """Bring an instance into rescue mode; back as it was if that fails. Nothing is on record.

    ``upload`` is told the bytes done and in all while the image goes to the host.

    Raises:
        LifebuoyError: from the checks, with nothing touched; StepFailed after the roll-back.
    """
    checked = plan(context, request)
    domain = context.host.domain(request.name)
    secrets = Secrets.of(request, checked)
    entering = Entering(Work(context, domain.uuid, packed(request), secrets, upload), request)
    with unrecorded.done(context, domain, ENTER, entering, listener):
        return entering.outcome()


def packed(request: EnterRequest) -> JsonObject:
    """What is written down of a request: neither the password nor the script."""
    return {
        "name": request.name,
        "stop": request.stop.value,
        "consent": request.consent,
        "image": request.image,
        "wait": request.wait,
        "stop_timeout_s": request.stop_timeout_s,
        "timeout_s": request.timeout_s,
        "discard_saved": request.discard_saved,
        "script": bool(request.script),
        "backup": request.backup,
    }


def _make(work: Work) -> Entering:
    known = work.secrets if isinstance(work.secrets, Secrets) else Secrets()
    asked = work.request
    request = EnterRequest(
        name=asked["name"],
        password=known.password,
        ssh_keys=known.ssh_keys,
        stop=StopMode(asked["stop"]),
        consent=asked["consent"],
        image=asked["image"],
        wait=asked["wait"],
        stop_timeout_s=asked["stop_timeout_s"],
        timeout_s=asked["timeout_s"],
        discard_saved=asked["discard_saved"],
        script=known.script,
        backup=asked.get("backup", False),
    )
    return Entering(work, request)


ENTER: Final = Kind(NAME, 2, "enter rescue mode", _make, undoes=frozenset({NAME}))

__all__ = ["ENTER", "SEEDED", "EnterRequest", "Entered", "Secrets", "enter", "packed"]
