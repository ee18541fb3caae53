"""Works through what waits on the record, for the hosts that it serves, until it is told to stop.

Taking an operation is one update of its row, so of many workers one gets it. What a dead process
left behind is taken the same way. Which hosts there are, and how to reach them, is the caller's.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

import structlog

from lifebuoy.errors import DatabaseTrouble
from lifebuoy.operations import asking
from lifebuoy.operations.context import Context
from lifebuoy.operations.engine import BEGIN_S, Engine
from lifebuoy.operations.runner import Listener, nobody
from lifebuoy.operations.task import Task
from lifebuoy.operations.watching import Watcher
from lifebuoy.store import records
from lifebuoy.store.audit import Entry
from lifebuoy.store.records import Record

_log = structlog.get_logger(__name__)

#: how often it is looked whether something waits, and whether somebody has died
_WAITING_S: Final = 0.25
_LEFT_S: Final = 2.0
#: after an operation was let go, as its host is out of reach, it is left alone for so long
_PATIENCE_S: Final = 5.0
_TIDY_S: Final = 3600.0


class Hosts(Protocol):
    """The hosts that are served."""

    def contexts(self) -> Mapping[str, Context]:
        """Those that are connected now, by ``daemon_of``; must come back soon.

        A context must stay open while an operation uses it; one that is lost may be opened anew
        and is then another context.
        """


@dataclass(frozen=True, slots=True)
class Served:
    """Told to whoever watches a worker: an operation was taken, or has ended, or was let go."""

    record: Record
    event: str
    seconds: float = 0.0
    error: str = ""


def _unheard(_what: object) -> None:
    """Nobody watches."""


@dataclass
class _Underway:
    record: Record
    task: Task
    began: float


@dataclass
class Worker:
    """One process that works. ``parallel`` is how many operations it works on at a time.

    ``told`` hears of operations, ``seen`` of what others did to the instances, ``notice`` in words
    of the worker itself.
    """

    engine: Engine
    hosts: Hosts
    who: str
    parallel: int = 8
    told: Callable[[Served], None] = _unheard
    seen: Callable[[Entry], None] = _unheard
    notice: Callable[[str], None] = _unheard
    listener: Callable[[Record], Listener] = lambda record: nobody
    clock: Callable[[], float] = time.monotonic
    _underway: list[_Underway] = field(default_factory=list)
    _let_go: dict[str, float] = field(default_factory=dict)
    _missed: dict[str, float] = field(default_factory=dict)
    _tidied: float = float("-inf")
    _looked: float = float("-inf")
    _out_of_reach: bool = False
    _is_ending: bool = False
    _watcher: Watcher | None = None

    @property
    def under_way(self) -> int:
        """How many operations it works on now."""
        return len(self._underway)

    def serve(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set; what is under way then is let go at its next wait or step,
        for another worker to go on with. A database out of reach is waited for.
        """
        watcher = Watcher(self.engine.database, lambda: dict(self.hosts.contexts()), self.seen)
        self._watcher = watcher
        watcher.start()
        try:
            self._serve(stop)
        finally:
            watcher.stop()

    def _serve(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                busy = self._turn()
                self._reached()
            except DatabaseTrouble as error:
                self._missed_database(error)
                busy = False
            if not busy:
                stop.wait(_WAITING_S)
        self._is_ending = True
        for one in list(self._underway):
            one.task.hand_over.set()
        while self._underway:
            self._collect()
            time.sleep(_WAITING_S / 5)

    def look_after(self, record: Record, task: Task) -> None:
        """See to the end of an operation that this process has begun by itself; from any thread."""
        self.told(Served(record, "begins"))
        self._underway.append(_Underway(record, task, self.clock()))
        if self._is_ending:
            task.hand_over.set()

    def _missed_database(self, error: DatabaseTrouble) -> None:
        _log.warning("database_out_of_reach", error=error.message)
        if not self._out_of_reach:
            self._out_of_reach = True
            self.notice(f"{error.message}; it is tried again until it can be used")

    def _reached(self) -> None:
        if self._out_of_reach:
            self._out_of_reach = False
            self.notice("the database of operations can be used again")

    def _turn(self) -> bool:
        """Take what can be taken; whether there was anything to do."""
        self._collect()
        if self.clock() - self._tidied >= _TIDY_S:
            self._tidied = self.clock()
            if self.engine.tidy(others=True):
                self._tidied = float("-inf")  # the rest at the next turn
        room = self.parallel - len(self._underway)
        if room <= 0:
            return False
        contexts = self.hosts.contexts()
        taken = self._take_waiting(contexts, room)
        if self.clock() - self._looked >= _LEFT_S:
            self._looked = self.clock()
            taken += self._take_left(contexts, room - taken)
        return taken > 0

    def _take_waiting(self, contexts: Mapping[str, Context], room: int) -> int:
        with self.engine.database.writing() as connection:
            found = records.take_waiting(
                connection, self.engine.executor.id, daemons=list(contexts), limit=room
            )
        for record in found:
            self._begin(record, contexts[record.daemon], begun_before=False)
        return len(found)

    def _take_left(self, contexts: Mapping[str, Context], room: int) -> int:
        with self.engine.database.reading() as connection:
            found = records.unfinished(connection, daemons=list(contexts))
        taken = 0
        for record in found:
            if taken >= room:
                break
            if self._may_take(record) and asking.adopt(self.engine, record, self.who):
                taken += 1
                self._go_on(record, contexts[record.daemon])
        return taken

    def _may_take(self, record: Record) -> bool:
        """Whether nobody works on it any more; without waiting until that is sure."""
        if self.clock() - self._let_go.get(record.id, float("-inf")) < _PATIENCE_S:
            return False
        if not record.executor:
            return record.attempts > 0
        if record.executor == self.engine.executor.id:  # its beginning failed
            return not self.engine.is_working_on(record.id)
        if not self.engine.executor.looks_gone(record.executor):
            self._missed.pop(record.executor, None)
            return False
        since = self._missed.setdefault(record.executor, self.clock())
        return self.clock() - since >= self.engine.executor.patience_s

    def _go_on(self, record: Record, context: Context) -> None:
        if unknown := asking.foreign(self.engine, record):
            asking.close(self.engine, record, unknown, self.who)
            self.told(Served(record, "closed", error=unknown.message))
            return
        self._begin(record, context, begun_before=True)

    def _begin(self, record: Record, context: Context, *, begun_before: bool) -> None:
        """Should it fail, it is this process's all the same, and is taken again."""
        task = Task(context, listener=self.listener(record))
        self.told(Served(record, "goes on" if begun_before else "begins"))
        self.engine.launch(record, task, begun_before=begun_before)
        self._underway.append(_Underway(record, task, self.clock()))

    def _collect(self) -> None:
        """See what has ended, and what has not begun in time."""
        for one in [one for one in self._underway if not one.task.begun.is_set()]:
            if self.clock() - one.began >= BEGIN_S:
                self._underway.remove(one)
                one.task.hand_over.set()  # should it begin after all
                self.engine.give_up(one.record.id)
                self._let_go[one.record.id] = self.clock()
                self.told(Served(one.record, "let go", BEGIN_S, "it did not begin"))
        for one in [one for one in self._underway if one.task.ended.is_set()]:
            self._underway.remove(one)
            seconds = self.clock() - one.began
            ending = one.task.ending
            if ending is None:
                self._let_go[one.record.id] = self.clock()
                why = str(one.task.trouble) or type(one.task.trouble).__name__
                self.told(Served(one.record, "let go", seconds, why))
            else:
                error = "" if ending.error is None else ending.error.message
                if self._watcher is not None:
                    self._watcher.mark(one.record.daemon, one.record.instance)
                self.told(Served(one.record, ending.outcome.value, seconds, error))
