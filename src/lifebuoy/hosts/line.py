"""The line to one host: its connection, and the threads that wait for its answers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from lifebuoy.errors import HostSilent, HostTrouble
from lifebuoy.hosts.place import Place
from lifebuoy.hypervisor import Host

#: So many questions may wait for one host; where it hangs, more would only pile up threads.
_MOST_WAITING: Final = 8

Question = Callable[[Host], object]
Hear = Callable[["Line", object], None]


class Line:
    """One host's connection: opened by the first question, kept, opened again after a loss."""

    def __init__(self, place: Place, open_: Callable[[Place], Host]) -> None:
        self.place = place
        self._open = open_
        self._opening = threading.Lock()
        self._state = threading.Lock()
        self._host: Host | None = None
        self._waiting = 0
        self._closed = False

    def ask(self, question: Question, timeout_s: float, hear: Hear) -> None:
        """Ask in a thread of its own; ``hear`` gets the answer, or what was raised instead."""
        with self._state:
            if self._waiting >= _MOST_WAITING:
                hear(self, self._hangs())
                return
            self._waiting += 1
        threading.Thread(
            target=self._run,
            args=(question, timeout_s, hear),
            name=f"ask-{self.place.name}",
            daemon=True,
        ).start()

    def close(self) -> threading.Thread | None:
        """Close the connection, in a thread that may be waited for; None if there is nothing to.

        While an answer is waited for, closing would wait, too: the last of those threads does it.
        """
        with self._state:
            self._closed = True
            if self._host is None or self._waiting:
                return None
            host, self._host = self._host, None
        thread = threading.Thread(target=_let_go, args=(host,), daemon=True)
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
        if not self._opening.acquire(timeout=timeout_s):
            raise self._hangs()
        try:
            host = self._host
            if host is not None and host.alive:
                return host
            fresh = self._open(self.place)
            with self._state:
                lost, self._host = self._host, fresh
        finally:
            self._opening.release()
        if lost is not None:
            _let_go(lost)
        return fresh

    def _hangs(self) -> HostSilent:
        return HostSilent(
            f"host '{self.place.name}' still owes answers to earlier questions",
            hint=f"lifebuoy host check {self.place.name}",
        )


def _let_go(host: Host) -> None:
    try:
        host.close()
    except HostTrouble:
        return  # it is lost anyway
