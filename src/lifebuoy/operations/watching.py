"""Looks at the served hosts whenever libvirt says that something happened, and now and then anyhow.

In a thread of its own, so that a host with many instances holds no operation up.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import structlog

from lifebuoy.errors import LifebuoyError
from lifebuoy.interruption import BackgroundThread
from lifebuoy.operations import observing
from lifebuoy.operations.context import Context
from lifebuoy.store import Database
from lifebuoy.store.audit import Entry

_log = structlog.get_logger(__name__)

_TURN_S: Final = 0.5
#: Events come in bursts: an instance is looked at once it was left alone for so long.
_SETTLE_S: Final = 1.0
_ANYHOW_S: Final = 600.0


class _Watched:
    """One connected host."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.looked = float("-inf")
        self._lock = threading.Lock()
        self._happened: dict[str, float] = {}
        self._end: Callable[[], None] = lambda: None
        try:
            self._end = context.host.on_change(self._note)
        except LifebuoyError as error:  # then it is only looked at now and then
            _log.info("no_events", host=context.host.name, error=error.message)

    def due(self, clock: float) -> set[str]:
        """The instances of which something was heard, a moment ago."""
        with self._lock:
            found = {uuid for uuid, at in self._happened.items() if clock - at >= _SETTLE_S}
            for uuid in found:
                del self._happened[uuid]
        return found

    def again(self, instances: set[str]) -> None:
        """These are to be looked at, too."""
        with self._lock:
            for uuid in instances:
                self._happened.setdefault(uuid, time.monotonic())

    def end(self) -> None:
        """Listen no more."""
        self._end()

    def _note(self, uuid: str, _what: str) -> None:
        with self._lock:
            self._happened[uuid] = time.monotonic()


class Watcher:
    """Of the hosts that ``contexts`` gives, by libvirt; ``told`` hears what others did."""

    def __init__(
        self,
        database: Database,
        contexts: Callable[[], dict[str, Context]],
        told: Callable[[Entry], None],
    ) -> None:
        self._database = database
        self._contexts = contexts
        self._told = told
        self._watched: dict[str, _Watched] = {}
        self._stop = threading.Event()
        self._thread = BackgroundThread(self._run, name="watcher")

    def mark(self, daemon: str, uuid: str) -> None:
        """An operation on that instance has ended: it is looked at anew, as what is done to it from
        now on is by others. From any thread."""
        if watched := self._watched.get(daemon):
            watched.again({uuid})

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; a look that is under way is not waited for long."""
        self._stop.set()
        self._thread.join(2.0)

    def _run(self) -> None:
        while not self._stop.wait(_TURN_S):
            self._follow()
            for watched in self._watched.values():
                with suppress(LifebuoyError):  # out of reach now: the next turn is soon
                    self._look(watched)
        for watched in self._watched.values():
            watched.end()

    def _follow(self) -> None:
        """Watch the hosts that are connected now, and no others."""
        contexts = self._contexts()
        for daemon, watched in list(self._watched.items()):
            if contexts.get(daemon) is not watched.context:
                watched.end()
                del self._watched[daemon]
        for daemon in contexts.keys() - self._watched.keys():
            self._watched[daemon] = _Watched(contexts[daemon])

    def _look(self, watched: _Watched) -> None:
        clock = time.monotonic()
        due = watched.due(clock)
        everything = clock - watched.looked >= _ANYHOW_S
        if not due and not everything:
            return
        host = watched.context.host
        try:
            found = observing.look(self._database, host, None if everything else due)
        except LifebuoyError:
            watched.again(due)
            raise
        for entry in found:
            self._told(entry)
        if everything:
            watched.looked = clock
