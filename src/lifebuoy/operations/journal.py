"""One operation gone through with every step written down, so that it can be gone on with.

The counterpart of ``runner.run``: the same order, the same undoing, the same words. What differs:
each ``do`` and ``undo`` happens within a recorded act, and an act that is on record is not done
again. Everything that decides what comes next is part of a record: also that somebody interrupted.
Knows neither DBOS nor the database.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import structlog

from lifebuoy.errors import Cancelled, LifebuoyError, StepFailed
from lifebuoy.interruption import CancelRequested, checked_by, checkpoint, never
from lifebuoy.operations.failures import facts_of, restored, unexpected
from lifebuoy.operations.operation import JsonObject, Operation
from lifebuoy.operations.runner import (
    Listener,
    Step,
    StepEvent,
    StepState,
    nobody,
    roll_back,
    undone,
)
from lifebuoy.store import Outcome

_log = structlog.get_logger(__name__)

BEGIN = "begin"
#: told instead of a step's own words when an earlier process had done it
BEFORE = "done before"


class Recorded(Protocol):
    """Does an act unless it is on record; what it returned then, or now."""

    def __call__(self, name: str, act: Callable[[], JsonObject], /) -> JsonObject: ...


@dataclass(frozen=True, slots=True)
class Ending:
    """How an operation ended; ``error`` is None only if it is done."""

    outcome: Outcome
    result: JsonObject | None = None
    error: LifebuoyError | None = None


class Journey:
    """An operation on its way.

    ``listener`` is told what happens now, ``again`` of what had happened before in another
    process. ``planned`` hears the names of all steps before the first; ``past_return`` is called
    when nothing will be undone any more.
    """

    def __init__(
        self,
        operation: Operation,
        recorded: Recorded,
        listener: Listener,
        *,
        again: Listener = nobody,
        planned: Callable[[list[str]], None] = lambda names: None,
        past_return: Callable[[str], None] = lambda why: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._operation = operation
        self._recorded = recorded
        self._listener = listener
        self._again = again
        self._planned = planned
        self._past_return = past_return
        self._clock = clock
        self._begun: list[Step] = []
        self._error: LifebuoyError | None = None  # as it was raised in this very process
        self._cut_short = False  # the next step to be done may have been begun by another process

    def go(self) -> Ending:
        """Go through it, from where it was left."""
        self._cut_short = True
        found = self._recorded(BEGIN, self._begin)
        self._operation.state = found.get("state", {})
        if "error" in found:
            return Ending(Outcome.FAILED, error=self._error or restored(found["error"]))
        if "interrupted" in found:
            return Ending(Outcome.CANCELLED, error=Cancelled(found["interrupted"]))
        steps = self._operation.steps()
        self._planned([step.name for step in steps])
        for step in steps:
            ending = self._pass(step)
            if ending is not None:
                return ending
        return Ending(Outcome.DONE, self._operation.result())

    def _begin(self) -> JsonObject:
        self._cut_short = False
        try:
            checkpoint()
            self._operation.begin()
        except (KeyboardInterrupt, CancelRequested) as error:
            return {"interrupted": _words(error)}
        except LifebuoyError as error:
            self._error = error
            return {"error": facts_of(error)}
        return {"state": self._operation.state}

    def _pass(self, step: Step) -> Ending | None:
        """Do one step, or see that it was done; the ending if it was the last."""
        done_now = False

        def act() -> JsonObject:
            nonlocal done_now
            done_now = True
            return self._do(step)

        found = self._recorded(step.name, act)
        if not done_now:
            self._tell_again(step, found)
        self._operation.state = found["state"]
        if found["begun"]:
            self._begun.append(step)
        if "error" in found:
            cause = self._error or restored(found["error"])
            failed = StepFailed(step.name, cause, safe=self._roll_back())
            return Ending(Outcome.FAILED, error=failed)
        if "interrupted" in found:
            words = f"{found['interrupted']} at step '{step.name}'"
            return Ending(Outcome.CANCELLED, error=Cancelled(words, safe=self._roll_back()))
        return None

    def _do(self, step: Step) -> JsonObject:
        begun, self._cut_short = self._cut_short, False
        started = self._clock()
        try:
            checkpoint()
            if step.onward:
                self._past_return(step.onward)
            self._listener(StepEvent(step.name, StepState.STARTED))
            begun = True
            detail = self._detail(step)
            self._listener(StepEvent(step.name, StepState.DONE, self._clock() - started, detail))
            return {"begun": True, "detail": detail, "state": self._operation.state}
        except (KeyboardInterrupt, CancelRequested) as error:
            found: JsonObject = {"interrupted": _words(error)}
        except LifebuoyError as error:
            self._error = error
            event = StepEvent(step.name, StepState.FAILED, self._clock() - started, error.message)
            self._listener(event)
            found = {"error": facts_of(error)}
        return {"begun": begun, "state": self._operation.state, **found}

    def _detail(self, step: Step) -> str:
        try:
            return step.do() or ""
        except LifebuoyError:
            raise
        except Exception as error:
            _log.error("step_broke", step=step.name, error=type(error).__name__, exc_info=True)
            raise unexpected(error) from error

    def _tell_again(self, step: Step, found: JsonObject) -> None:
        self._again(StepEvent(step.name, StepState.STARTED))
        if "error" in found:
            told = StepEvent(step.name, StepState.FAILED, detail=found["error"]["message"])
        elif "interrupted" in found:
            return
        else:
            told = StepEvent(step.name, StepState.DONE, detail=found["detail"] or BEFORE)
        self._again(told)

    def _roll_back(self) -> str:
        return roll_back(self._begun, self._undo)

    def _undo(self, step: Step, again: bool) -> str:
        def act() -> JsonObject:
            with checked_by(never):  # who is putting things back is not stopped in that
                words = undone(step, self._listener)
            return {"failed": words} if words else {}

        found = self._recorded(f"{'undo again' if again else 'undo'}: {step.name}", act)
        return str(found.get("failed", ""))


def _words(error: BaseException) -> str:
    return str(error) or "interrupted"
