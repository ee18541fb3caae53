"""Errors as they are written down with an operation, and made anew for whoever is told later."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lifebuoy.errors import DefinitionChanged, HostTrouble, LifebuoyError, StepFailed
from lifebuoy.operations.operation import JsonObject


def facts_of(error: LifebuoyError) -> JsonObject:
    """What is written down of an error. None of its texts holds a secret."""
    facts: JsonObject = {
        "code": error.code,
        "message": error.message,
        "safe": error.safe,
        "hint": error.hint,
    }
    if isinstance(error, StepFailed):
        facts |= {"step": error.step, "cause": facts_of(error.cause)}
    if isinstance(error, DefinitionChanged):
        facts |= {"edits": list(error.edits)}
    return facts


def unexpected(error: Exception) -> HostTrouble:
    """For a bug or a library's own error: its text may hold anything, so only its kind is told."""
    return HostTrouble(f"unexpected {type(error).__name__}")


def restored(facts: JsonObject) -> LifebuoyError:
    """The error that was written down; of the base class if this version does not know it."""
    kind = next((one for one in _kinds(LifebuoyError) if one.code == facts["code"]), LifebuoyError)
    error: Any = kind.__new__(kind)
    LifebuoyError.__init__(error, facts["message"], hint=facts["hint"], safe=facts["safe"])
    if isinstance(error, StepFailed):
        error.step, error.cause = facts["step"], restored(facts["cause"])
    if isinstance(error, DefinitionChanged):
        error.edits = tuple(facts.get("edits", ()))
    found: LifebuoyError = error
    return found


def _kinds(base: type[LifebuoyError]) -> Iterator[type[LifebuoyError]]:
    yield base
    for kind in base.__subclasses__():
        yield from _kinds(kind)
