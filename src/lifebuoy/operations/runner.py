"""Runs an operation: named steps in order, each with its undo; rolled back when one fails.

A step's ``do`` is idempotent, so that an operation can be gone through again from the start.
Interrupts (Ctrl-C) roll back like failures do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

import structlog

from lifebuoy.errors import Cancelled, HostTrouble, LifebuoyError, StepFailed
from lifebuoy.interruption import CancelRequested

_log = structlog.get_logger(__name__)

PUT_BACK: Final = "Everything was put back as it was before."


class StepState(StrEnum):
    """What became of a step."""

    STARTED = "started"
    DONE = "done"
    FAILED = "failed"
    UNDONE = "undone"
    UNDO_FAILED = "undo-failed"


@dataclass(frozen=True, slots=True)
class StepEvent:
    """Told to whoever watches: ``seconds`` since the step began; ``detail`` may be empty."""

    step: str
    state: StepState
    seconds: float = 0.0
    detail: str = ""


class Listener(Protocol):
    """Whoever watches an operation."""

    def __call__(self, event: StepEvent, /) -> None: ...


def nobody(event: StepEvent) -> None:
    """A listener that ignores everything."""


@dataclass(frozen=True, slots=True)
class Step:
    """A named piece of work. ``do`` may return a line about what it found.

    ``onward``: from this step on nothing is undone any more, and this tells how to go on.
    """

    name: str
    do: Callable[[], str | None]
    undo: Callable[[], object] | None = None
    onward: str = ""


def run(
    steps: Sequence[Step],
    listener: Listener = nobody,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Do ``steps`` in order; when one fails, undo it and those before, newest first.

    Raises:
        StepFailed: names the step and carries its error; ``safe`` says what the undo achieved.
        Cancelled: the user interrupted; rolled back likewise.
    """
    begun: list[Step] = []
    step: Step | None = None
    try:
        for step in steps:
            _do(step, begun, listener, clock)
    except (KeyboardInterrupt, CancelRequested) as error:  # at any moment, also while telling
        at = f" at step '{step.name}'" if step else ""
        raise Cancelled(f"interrupted{at}", safe=_roll_back(begun, listener)) from error


def _do(step: Step, begun: list[Step], listener: Listener, clock: Callable[[], float]) -> None:
    listener(StepEvent(step.name, StepState.STARTED))
    started = clock()
    begun.append(step)
    try:
        detail = step.do() or ""
    except LifebuoyError as error:
        listener(StepEvent(step.name, StepState.FAILED, clock() - started, error.message))
        raise StepFailed(step.name, error, safe=_roll_back(begun, listener)) from error
    except Exception as error:
        # A bug or a library's own error: its text may hold anything, so only its kind is told.
        listener(StepEvent(step.name, StepState.FAILED, clock() - started))
        trouble = HostTrouble(f"unexpected {type(error).__name__}")
        raise StepFailed(step.name, trouble, safe=_roll_back(begun, listener)) from error
    listener(StepEvent(step.name, StepState.DONE, clock() - started, detail))


def roll_back(begun: Sequence[Step], undo: Callable[[Step, bool], str]) -> str:
    """Undo what was begun, newest first; what became of it, in words.

    ``undo`` returns why it could not, and is told whether it had failed before: what could not be
    undone is tried once more at the end, as what others gave back, room for one, may be what was
    missing.
    """
    onward = next((step.onward for step in begun if step.onward), "")
    if onward:
        return onward
    left = [step for step in reversed(begun) if step.undo]
    failed: list[str] = []
    for again in (False, True):
        found = [(step, undo(step, again)) for step in left]
        failed = [f"{step.name}: {words}" for step, words in found if words]
        left = [step for step, words in found if words]
    return not_put_back(failed) if failed else PUT_BACK


def _roll_back(begun: list[Step], listener: Listener) -> str:
    return roll_back(begun, lambda step, _again: undone(step, listener))


def undone(step: Step, listener: Listener) -> str:
    """Undo one step; why it could not be undone, or nothing."""
    assert step.undo is not None
    try:
        step.undo()
        listener(StepEvent(step.name, StepState.UNDONE))
    except Exception as error:  # the rest must be undone all the same
        words = error.message if isinstance(error, LifebuoyError) else type(error).__name__
        _log.error("undo_failed", step=step.name, error=words)
        listener(StepEvent(step.name, StepState.UNDO_FAILED, detail=words))
        return words
    return ""


def not_put_back(failed: Sequence[str]) -> str:
    """What is said where undoing failed; ``failed`` are steps with the reason."""
    return "NOT everything could be put back: " + "; ".join(failed)
