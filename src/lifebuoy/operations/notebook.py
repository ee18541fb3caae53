"""Writes down how an operation gets on, for those who watch from elsewhere; reads who interrupts.

Steps are told often and watched seldom: the end of one is written with the beginning of the next,
and progress at most twice a second.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import sqlalchemy as sa
import structlog

from lifebuoy.errors import DatabaseTrouble, LifebuoyError, StepFailed
from lifebuoy.interruption import CancelRequested, checkpoint
from lifebuoy.operations.failures import facts_of
from lifebuoy.operations.journal import Ending
from lifebuoy.operations.runner import StepEvent, StepState
from lifebuoy.operations.task import DatabaseLost, LetGo, Task
from lifebuoy.store import Database, audit, records
from lifebuoy.store.records import StepRecord
from lifebuoy.store.tables import Happening
from lifebuoy.store.times import stamp

_log = structlog.get_logger(__name__)
_PROGRESS_S: Final = 0.5
_LOOK_S: Final = 0.5


def now() -> str:
    """The time as records have it, with the milliseconds that order them."""
    return stamp(datetime.now(UTC))


class Notebook:
    """Of one operation, in the thread that works on it."""

    def __init__(
        self,
        database: Database,
        id_: str,
        executor: str,
        task: Task,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._id = id_
        self._executor = executor
        self._task = task
        self._clock = clock
        with database.writing() as connection:
            records.begin(connection, id_, time=now())
            known = records.steps_of(connection, id_)
        self._positions = {step.name: number for number, step in enumerate(known)}
        self._unwritten: dict[int, StepRecord] = {}
        self._last: dict[str, StepRecord] = {step.name: step for step in known}
        self._looked = self._progressed = float("-inf")
        self._missing_since: float | None = None

    def __call__(self, event: StepEvent) -> None:
        """A step began or ended."""
        position = self._positions.setdefault(event.step, len(self._positions))
        before = self._last.get(event.step)
        began = now() if event.state is StepState.STARTED or before is None else before.began
        seconds = before.seconds if event.state is StepState.UNDONE and before else event.seconds
        noted = StepRecord(
            event.step,
            event.state.value,
            began,
            None if event.state is StepState.STARTED else seconds,
            event.detail,
        )
        self._last[event.step] = self._unwritten[position] = noted
        if event.state is StepState.STARTED:
            self.write()
        self._task.listener(event)

    def write(self) -> None:
        """Write down what is not yet."""
        if self._unwritten and self._noted(self._write_steps):
            self._unwritten.clear()

    def progress(self, done: int, total: int) -> None:
        """How far the step under way is; a place at which it can be interrupted."""
        checkpoint()
        self._task.progress(done, total)
        if self._clock() - self._progressed < _PROGRESS_S:
            return
        self._progressed = self._clock()
        self._noted(lambda connection: records.note_progress(connection, self._id, done, total))

    def planned(self, names: list[str]) -> None:
        """These are its steps, in order."""
        self._noted(lambda connection: records.note_plan(connection, self._id, names))

    def past_return(self, why: str) -> None:
        """From here on it cannot be cancelled."""
        self._noted(lambda connection: records.note_onward(connection, self._id, why))

    def finish(self, ending: Ending) -> None:
        """Write down how it ended.

        Raises:
            DatabaseTrouble: that cannot be.
        """

        def write() -> None:
            with self._database.writing() as connection:
                self._write_steps(connection)
                conclude(connection, self._id, ending)

        self._database.patiently(write)

    def check(self) -> None:
        """Called within waits.

        Raises:
            CancelRequested: somebody asked to roll it back.
            LetGo: it is another process's now, or this one stops, or nobody knows whose it is.
        """
        if self._task.interrupted.is_set():
            raise CancelRequested("interrupted")
        if self._task.hand_over.is_set():
            raise LetGo("this process stops")
        if self._clock() - self._looked < _LOOK_S:
            return
        self._looked = self._clock()
        try:
            with self._database.reading() as connection:
                executor, cancelled_by = records.watched(connection, self._id)
        except DatabaseTrouble as error:
            _log.warning("cancel_not_looked_for", operation=self._id, error=error.message)
            self._missed(error)
            return
        self._missing_since = None
        if executor != self._executor:
            raise LetGo(f"operation {self._id} is with '{executor}' now")
        if cancelled_by:
            raise CancelRequested(f"cancelled by {cancelled_by}")

    def _missed(self, error: DatabaseTrouble) -> None:
        """A server may take this process for dead one day, and give what it works on to another;
        a file does not.
        """
        if self._missing_since is None:
            self._missing_since = self._looked
        gone_s = self._clock() - self._missing_since
        if not self._database.is_sqlite and gone_s >= self._database.patience_s:
            raise DatabaseLost(error) from error

    def _write_steps(self, connection: sa.Connection) -> None:
        for position, step in self._unwritten.items():
            records.note_step(connection, self._id, position, step)

    def _noted(self, write: Callable[[sa.Connection], None]) -> bool:
        """Whether it could be written; a database that fails in the middle stops no operation."""
        try:
            with self._database.writing() as connection:
                write(connection)
        except DatabaseTrouble as error:
            _log.warning("not_noted", operation=self._id, error=error.message)
            return False
        return True


def conclude(connection: sa.Connection, id_: str, ending: Ending, *, who: str = "") -> None:
    """Write down how an operation ended, once, and in the audit log."""
    error = None if ending.error is None else facts_of(ending.error)
    time_ = now()
    if not records.finish(
        connection, id_, time=time_, outcome=ending.outcome, error=error, result=ending.result
    ):
        return
    code = "" if ending.error is None else _code(ending.error)
    record = records.get(connection, id_)
    entry = audit.of(
        record, Happening.ENDED, time=time_, who=who, outcome=ending.outcome, code=code
    )
    audit.add(connection, entry)


def _code(error: LifebuoyError) -> str:
    return error.cause.code if isinstance(error, StepFailed) else error.code
