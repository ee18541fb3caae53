"""Leaving rescue mode, as it is asked for: in one go here, or as an operation on record.

Needs nothing but the domain itself: its metadata carries the way back. So it works with no
database at all, and a leaving cut short is gone on with by asking again.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from lifebuoy.errors import DefinitionChanged
from lifebuoy.hypervisor import Domain
from lifebuoy.model import Action, ChangePolicy, Phase
from lifebuoy.operations import lock, unrecorded
from lifebuoy.operations.context import Context
from lifebuoy.operations.leaving import LeaveRequest, Leaving, Left, edits_of, require_stay
from lifebuoy.operations.operation import JsonObject, Kind, Work
from lifebuoy.operations.runner import Listener, nobody
from lifebuoy.policy import require

NAME: Final = "rescue-exit"


def leave(context: Context, request: LeaveRequest, listener: Listener = nobody) -> Left:
    """Bring an instance out of rescue mode. Nothing is on record.

    Raises:
        NotAllowed: it is not in rescue mode.
        DefinitionChanged: somebody edited the definition; ``edits`` holds them.
        StepFailed: carrying StillMounted, among others.
    """
    domain = require_leavable(context, request.name)
    # It looks again: somebody else may have left until the lock was ours.
    leaving = Leaving(Work(context, domain.uuid, packed(request)), request)
    with unrecorded.done(context, domain, LEAVE, leaving, listener):
        return leaving.outcome()


def require_leavable(context: Context, name: str) -> Domain:
    """The instance, if it is in rescue mode, or half-way with nobody at work on it.

    Raises:
        NotAllowed: it is not.
    """
    host = context.host
    domain = host.domain(name)
    stay = require_stay(domain)
    if stay.phase is not Phase.RESCUE and lock.holder(host.store, domain.uuid) is not None:
        require(Action.EXIT_RESCUE, stay.phase.state, domain.name)
    return domain


def check(context: Context, request: LeaveRequest) -> Domain:
    """The instance, if it may be left as it is asked for; for who does not wait for the end.

    Raises:
        NotAllowed: it is not in rescue mode.
        DefinitionChanged: somebody edited the definition, and must say what becomes of it.
    """
    domain = require_leavable(context, request.name)
    edits = edits_of(domain, require_stay(domain))
    if edits and request.changes is ChangePolicy.REFUSE:
        raise DefinitionChanged(domain.name, edits)
    return domain


def packed(request: LeaveRequest) -> JsonObject:
    """What is written down of a request."""
    return asdict(request) | {"changes": request.changes.value}


def _make(work: Work) -> Leaving:
    asked: dict[str, Any] = work.request | {"changes": ChangePolicy(work.request["changes"])}
    return Leaving(work, LeaveRequest(**asked))


LEAVE: Final = Kind(
    NAME,
    1,
    "leave rescue mode",
    _make,
    replaces=frozenset({NAME, "rescue-enter"}),
)

__all__ = ["LEAVE", "LeaveRequest", "Left", "check", "leave", "packed"]
