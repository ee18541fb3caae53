"""The line to one host: its connection, and the threads that wait for its answers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from lifebuoy.errors import HostSilent, HostTrouble
from lifebuoy.hosts import sshchild
from lifebuoy.hosts.place import Place
from lifebuoy.hypervisor import Host
from lifebuoy.interruption import BackgroundThread

#: So many questions may wait for one host; where it hangs, more would only pile up threads. More
#: than a server answers requests at a time, so that a host that is merely busy is not given up.
_MOST_WAITING: Final = 128
#: An opening that takes longer than this is begun anew, as far as it can be cut off at all.
_OPENING_S: Final = 60.0

Question = Callable[[Host], object]
Hear = Callable[["Line", object], None]


@dataclass(frozen=True, slots=True)
class _Opening:
    """The thread that opens the connection, and since when."""

    thread: int
    since: float


class Line:
    """One host's connection: opened by the first question, kept, opened again after a loss."""

    def __init__(self, place: Place, open_: Callable[[Place], Host]) -> None:
        self.place = place
        self._open = open_
        self._turn = threading.Lock()
        self._opening: _Opening | None = None
        self._state = threading.Lock()
        self._host: Host | None = None
        self._waiting = 0
        self._closed = False

    def ask(self, question: Question, timeout_s: float, hear: Hear) -> None:
        """Ask in a thread of its own; ``hear`` gets the answer, or what was raised instead."""
        with self._state:
            full = self._waiting >= _MOST_WAITING
            self._waiting += not full
        if full:
            self._cut_off(_OPENING_S)
            hear(self, self._hangs())
            return
        BackgroundThread(
            self._run, question, timeout_s, hear, name=f"ask-{self.place.name}"
        ).start()

    def close(self) -> threading.Thread | None:
        """Close the connection, in a thread that may be waited for; None if there is nothing to.

        While an answer is waited for, closing would wait, too: the last of those threads does it.
        """
        self._cut_off(0)
        with self._state:
            self._closed = True
            if self._host is None or self._waiting:
                return None
            host, self._host = self._host, None
        thread = BackgroundThread(_let_go, host, name=f"close-{self.place.name}")
        thread.start()
        return thread

    def _run(self, question: Question, timeout_s: float, hear: Hear) -> None:
        said: object
        try:
            said = self._answered(question, timeout_s)
        except BaseException as error:  # passed on to whoever asked
            said = error
        left = None
        with self._state:
            self._waiting -= 1
            if self._closed and not self._waiting:
                left, self._host = self._host, None
        hear(self, said)
        if left is not None:
            _let_go(left)

    def _answered(self, question: Question, timeout_s: float) -> object:
        host = self._connected(timeout_s)
        try:
            return question(host)
        except HostTrouble:
            if host.alive:
                raise
        return question(self._connected(timeout_s))

    def _connected(self, timeout_s: float) -> Host:
        """The open connection; one thread opens, others wait for it as long as they may."""
        if not self._turn.acquire(timeout=timeout_s):
            self._cut_off(_OPENING_S)
            raise self._hangs()
        try:
            host = self._host
            if host is not None and host.alive:
                return host
            self._opening = _Opening(threading.get_native_id(), time.monotonic())
            fresh = self._open(self.place)
            # A lost one is dropped, not closed: an operation that still uses it must see that the
            # host is lost. libvirt lets go of it with the last use.
            with self._state:
                self._host = fresh
        finally:
            self._opening = None
            self._turn.release()
        return fresh

    def _cut_off(self, older_s: float) -> None:
        """Give up an opening that has taken ``older_s``, where it waits for an ssh."""
        opening = self._opening
        if opening is not None and time.monotonic() - opening.since >= older_s:
            sshchild.end_those_of(opening.thread)

    def _hangs(self) -> HostSilent:
        return silent(self.place, "still owes answers to earlier questions")


def silent(place: Place, what: str) -> HostSilent:
    """The error for a host that does not answer."""
    check = f"lifebuoy host check {place.name}" if place.name else "check that its libvirt runs"
    return HostSilent(f"{place.called} {what}", hint=check)


def _let_go(host: Host) -> None:
    try:
        host.close()
    except HostTrouble:
        return  # it is lost anyway
