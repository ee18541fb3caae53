"""Runs operations durably in this process: each is on record before it begins, one per instance.

The work itself happens in a thread of DBOS, so that Ctrl-C never strikes in the middle of the
bookkeeping: it is turned into a request to roll back, which the work looks for in its waits.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog

from lifebuoy.errors import Busy, DatabaseTrouble, HostTrouble, LifebuoyError, TimedOut
from lifebuoy.expiry import USUAL as USUAL_EXPIRY
from lifebuoy.expiry import ExpiryRules
from lifebuoy.hypervisor import Host
from lifebuoy.interruption import checked_by, deferred
from lifebuoy.operations import executor as executors
from lifebuoy.operations import kinds, lock, renewing, workflows
from lifebuoy.operations.failures import unexpected
from lifebuoy.operations.journal import Ending, Journey
from lifebuoy.operations.notebook import Notebook, conclude
from lifebuoy.operations.operation import JsonObject, Kind, Operation, Work
from lifebuoy.operations.retention import USUAL, Retention
from lifebuoy.operations.task import DatabaseLost, LetGo, Task
from lifebuoy.store import Database, Outcome, records, schema
from lifebuoy.store.database import trouble
from lifebuoy.store.records import Record

_log = structlog.get_logger(__name__)
#: DBOS looks for what was put in its queue every tenth of a second; after this it will not begin
BEGIN_S: Final = 60.0
_TICK_S: Final = 0.5
#: so many that have ended are forgotten at a time
_AT_A_TIME: Final = 500
#: after this the user is told that the database is waited for
_SILENCE_S: Final = 5.0


def _unheard(_record: Record, _operation: Operation) -> None:
    """Nobody wants to know what was reached."""


class Engine:
    """DBOS, the database and this process's id, from ``open`` to ``close``; one per process.

    ``reached`` is told of an operation that is done, just before that is on record.
    """

    def __init__(
        self,
        database: Database,
        find: kinds.Find = kinds.find,
        retention: Retention = USUAL,
        expiry: ExpiryRules = USUAL_EXPIRY,
    ) -> None:
        """Prepare the database and start. ``retention`` is what ``tidy`` keeps; ``expiry`` what
        follows from expiry dates.

        Raises:
            DatabaseTrouble: it cannot be used.
            DatabaseNewer: a newer Lifebuoy has upgraded it.
        """
        self.database = database
        self.find = find
        self.retention = retention
        self.expiry = expiry
        self.reached: Callable[[Record, Operation], None] = _unheard
        #: told of an instance right before an operation on it is on record as ended; at once
        self.about_to_end: Callable[[Host, str], None] = lambda _host, _instance: None
        self._tasks: dict[str, Task] = {}
        self._has_lost_database = False
        schema.prepare(database)
        self.executor = executors.new(database)
        try:
            with schema.alone(database):
                workflows.launch(database, self.executor.id, self._work)
        except BaseException as error:
            self.executor.close()
            if isinstance(error, workflows.Troubles):
                raise trouble(database.location, error) from error
            raise

    def tidy(self, *, others: bool) -> bool:
        """Forget some of what ended long ago; what the audit log says of it stays.

        ``others``: also what processes that were killed left in DBOS, which may take seconds.
        Returns whether there may be more to forget.
        """
        if self._has_lost_database:
            return False
        kept = self.retention
        before = datetime.now(UTC) - timedelta(days=kept.days)
        with self.database.reading() as connection:
            ids = records.ended_before(
                connection,
                before.strftime("%Y-%m-%dT%H:%M:%S"),
                keep=kept.newest,
                limit=_AT_A_TIME,
            )
        try:
            if ids:
                workflows.forget(ids)
            if others:
                workflows.drop_queues(lambda other: executors.is_gone(self.executor, other))
        except workflows.Troubles as error:
            raise trouble(self.database.location, error) from error
        self.executor.sweep()
        if ids:
            with self.database.writing() as connection:
                records.remove(connection, ids)
        return len(ids) == _AT_A_TIME

    def close(self, *, at_exit: bool = False) -> None:
        """Stop working. ``at_exit``: the process ends now, so nothing is waited for."""
        if not self._has_lost_database:  # else a worker drops it one day
            with suppress(*workflows.Troubles):
                workflows.drop_queue(self.executor.id)
        if not at_exit:
            workflows.shut_down()
        self.executor.close()

    def run(
        self,
        record: Record,
        task: Task,
        *,
        begun_before: bool,
        written: Callable[[], bool] = lambda: True,
    ) -> bool:
        """Do an operation that is this process's, and wait for its end, which is in ``task``.

        ``written`` writes it down at first; where that cannot be, nothing is done and the answer
        is False. A KeyboardInterrupt while waiting rolls it back; further ones change nothing.

        Raises:
            DatabaseTrouble: it could not be begun; says whether it is on record.
        """
        try:
            with deferred():  # what is on record is begun, too
                if not written():
                    return False
                self.begin(record, task, begun_before=begun_before)
            self._wait(task)
        except KeyboardInterrupt:
            task.interrupted.set()
            task.notice("Stopping: it is rolled back as soon as what is under way can be left.")
            self._wait(task)  # within the handler, so that the next Ctrl-C asks for patience
        return True

    def is_working_on(self, id_: str) -> bool:
        """Whether an operation is under way in this process."""
        return id_ in self._tasks

    def launch(self, record: Record, task: Task, *, begun_before: bool) -> None:
        """The same without waiting: ``task.ended`` tells the end.

        Raises:
            DatabaseTrouble: it could not be begun; it is this process's all the same.
        """
        self._tasks[record.id] = task
        try:
            if begun_before:
                workflows.go_on(record.id, self.executor.id)
            else:
                workflows.start(record.id)
        except workflows.Troubles as error:
            self.give_up(record.id)
            raise trouble(self.database.location, error) from error

    def begin(self, record: Record, task: Task, *, begun_before: bool) -> None:
        """Launch it for somebody who is told if it could not be begun, so that then it is not
        left for others to begin.

        Raises:
            DatabaseTrouble: it could not be begun; says whether it is on record.
        """
        try:
            self.launch(record, task, begun_before=begun_before)
        except DatabaseTrouble as error:
            try:
                with self.database.writing() as connection:
                    if begun_before:
                        records.release(connection, record.id, self.executor.id)
                    else:
                        conclude(connection, record.id, Ending(Outcome.FAILED, error=error))
            except LifebuoyError:
                self._has_lost_database = True
                raise DatabaseTrouble(
                    error.message,
                    safe=f"Nothing was done now, but operation {record.id} is on record and is "
                    "gone on with by the next command or a worker.",
                    hint=f"once the database can be used: lifebuoy operations resume {record.id}, "
                    f"or to have nothing of it: lifebuoy operations cancel {record.id}",
                ) from error
            raise

    def give_up(self, id_: str) -> None:
        """Have nothing to do with an operation that did not begin here."""
        self._tasks.pop(id_, None)

    def _wait(self, task: Task) -> None:
        if not task.begun.wait(BEGIN_S):
            task.hand_over.set()  # should it begin after all
            raise TimedOut("the operation did not begin", safe="It goes on when asked again.")
        said = False
        while not task.ended.wait(_TICK_S):
            since = task.recording_since
            if since is not None and time.monotonic() - since > _SILENCE_S and not said:
                task.notice(
                    "The database of operations does not answer; it is waited for. The instance "
                    "stays as it is meanwhile."
                )
                said = True

    def _work(self, id_: str) -> JsonObject:
        """An operation from its record, in a thread of DBOS.

        Raises:
            LetGo: it has no end, or none on record. Nothing else, as DBOS would take it for the
                operation's own failure, and nobody could go on with it.
        """
        task = self._tasks.get(id_)
        if task is None:
            raise LetGo(f"operation {id_} is not this process's")
        task.begun.set()
        try:
            self._end(id_, task)
            assert task.ending is not None
            return {"outcome": task.ending.outcome.value}
        except DatabaseLost as error:
            self._has_lost_database = True
            task.trouble = error  # nobody else can be told now; they see when this process ends
            raise
        except BaseException as error:
            task.trouble = error
            self._release(id_)
            raise LetGo(f"operation {id_} was let go") from error
        finally:
            self.give_up(id_)
            task.ended.set()

    def _end(self, id_: str, task: Task) -> None:
        """Go through it to its end, and write that down.

        Raises:
            LetGo: it has no end; with ``task.ending`` it has, but that could not be written down.
        """
        with task.recording():
            record = self.database.patiently(lambda: self._record(id_))
            notebook = self.database.patiently(
                lambda: Notebook(self.database, id_, self.executor.id, task)
            )
        ending = self._ending(record, task, notebook)
        self.about_to_end(task.context.host, record.instance)
        try:
            with task.recording():
                notebook.finish(ending)
        except DatabaseLost:
            _log.warning("end_not_recorded", operation=id_)
            task.notice(
                "How it ended could not be written down. It may be shown as left behind; the next "
                "command or a worker then ends it."
            )
            raise
        finally:
            task.ending = ending
        self._has_lost_database = False

    def _record(self, id_: str) -> Record:
        with self.database.reading() as connection:
            return records.get(connection, id_)

    def _ending(self, record: Record, task: Task, notebook: Notebook) -> Ending:
        try:
            kind = self.find(record.kind)
            with (
                lock.held(
                    task.context.host.store,
                    record.instance,
                    record.name,
                    kind.doing,
                    operation=record.id,
                    is_over=self._is_over,
                ),
                checked_by(notebook.check),
            ):
                return self._go(kind, record, task, notebook)
        except DatabaseLost:
            raise
        except LetGo:
            notebook.write()  # who goes on does not tell again what was done here
            raise
        except DatabaseTrouble as error:
            raise DatabaseLost(error) from error
        except Busy as error:
            if record.attempts > 1:
                raise LetGo(error.message) from error
            return Ending(Outcome.FAILED, error=error)
        except LifebuoyError as error:
            _let_go_if_lost(task.context.host)
            return Ending(Outcome.FAILED, error=error)
        except Exception as error:
            _log.error("operation_broke", operation=record.id, exc_info=True)
            return Ending(Outcome.FAILED, error=unexpected(error))

    def _go(self, kind: Kind[Any], record: Record, task: Task, notebook: Notebook) -> Ending:
        work = Work(
            task.context,
            record.instance,
            record.request,
            task.secrets,
            notebook.progress,
            lambda: self._require_in_time(record, task),
        )
        task.operation = kind.make(work)
        try:
            ending = Journey(
                task.operation,
                _Recorder(task),
                notebook,
                again=task.listener,
                planned=notebook.planned,
                past_return=notebook.past_return,
            ).go()
            if ending.outcome is Outcome.DONE:
                self.reached(record, task.operation)
            return ending
        finally:
            task.operation.close()

    def _require_in_time(self, record: Record, task: Task) -> None:
        about = record.daemon, record.instance, record.name
        with task.recording():
            self.database.patiently(
                lambda: renewing.require_in_time(self.database, *about, self.expiry)
            )

    def _is_over(self, id_: str) -> bool:
        """Whether an operation that the lock of another process names has ended."""
        with self.database.reading() as connection:
            return records.is_over(connection, id_)

    def _release(self, id_: str) -> None:
        with suppress(LifebuoyError), self.database.writing() as connection:
            records.release(connection, id_, self.executor.id)


class _Recorder:
    """Does acts on record; without one from the moment on at which the database fails.

    Better an operation that cannot be gone on with by others than an instance left half-way.
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        self._unrecorded = False

    def __call__(self, name: str, act: Callable[[], JsonObject]) -> JsonObject:
        if self._unrecorded:
            return self._done(act)
        found: list[JsonObject] = []

        def noticed() -> JsonObject:
            self._task.recording_since = None
            found.append(self._done(act))
            self._task.recording_since = time.monotonic()
            return found[0]

        self._task.recording_since = time.monotonic()
        try:
            return workflows.recorded(name, noticed)
        except workflows.NotOurs as error:
            raise LetGo("another process goes on with it") from error
        except DatabaseTrouble as error:  # locked or away: it passes, and somebody goes on then
            raise DatabaseLost(error) from error
        except workflows.Troubles as error:
            _log.warning("steps_not_recorded", step=name, error=type(error).__name__)
            self._unrecorded = True
            return found[0] if found else self._done(act)
        finally:
            self._task.recording_since = None

    def _done(self, act: Callable[[], JsonObject]) -> JsonObject:
        found = act()
        if "error" in found or "failed" in found:
            _let_go_if_lost(self._task.context.host)
        return found


def _let_go_if_lost(host: Host) -> None:
    """A host that is out of reach says nothing about the instance: not a failure of the step."""
    if not host.alive:
        raise LetGo("the connection to the host is lost")


def lost(error: BaseException | None) -> HostTrouble:
    """For the user whose operation stopped without an end."""
    if isinstance(error, DatabaseLost):
        return DatabaseTrouble(
            f"the operation was let go before its end: {error.trouble.message}",
            safe="The instance stays as it is meanwhile. The operation is on record and goes on "
            "where it was.",
            hint="once the database can be used, ask again, or: lifebuoy operations resume",
        )
    why = str(error) or type(error).__name__
    return HostTrouble(
        f"the operation was let go before its end: {why}",
        safe="It is on record and goes on where it was.",
        hint="ask again, or have a worker go on with it: lifebuoy worker",
    )
