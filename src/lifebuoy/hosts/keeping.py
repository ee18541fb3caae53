"""Keeps hosts connected in a process that lives on: what is lost is opened again behind the scenes.

Whoever asks gets those that are connected now, at once; a host that hangs is in nobody's way.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Final, Generic, TypeVar

import structlog

from lifebuoy.hosts.fleet import Fleet
from lifebuoy.hypervisor import Host

T = TypeVar("T")

_log = structlog.get_logger(__name__)

#: How often it is looked whether a host is lost, or back.
_LOOK_S: Final = 2.0
_OPEN_S: Final = 30.0


class Keeper(Generic[T]):
    """The connected hosts of a fleet. ``make`` is what its user needs of each, made when it is
    connected; it may ask the host."""

    def __init__(
        self,
        fleet: Fleet,
        make: Callable[[Host], T],
        told: Callable[[str, str], None] = lambda _host, _event: None,
    ) -> None:
        """``told`` hears of every host that is connected, lost, or does not answer, and why."""
        self._fleet = fleet
        self._make = make
        self._told = told
        self._known: dict[str, tuple[Host, T]] = {}
        self._events: dict[str, str] = {}
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._keep, args=(place.name,), daemon=True)
            for place in fleet.places
        ]

    def start(self) -> None:
        """Begin to connect; comes back at once."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Connect no more; what is open stays so until the fleet is closed."""
        self._stopping.set()

    def connected(self) -> Mapping[str, T]:
        """What was made of each host whose connection stands, by the host's name; at once."""
        with self._lock:
            known = dict(self._known)
        return {name: made for name, (host, made) in known.items() if host.alive}

    def _keep(self, name: str) -> None:
        while not self._stopping.is_set():
            self._look(name)
            self._stopping.wait(_LOOK_S)

    def _look(self, name: str) -> None:
        with self._lock:
            known = self._known.get(name)
        if known is not None and known[0].alive:
            return
        if known is not None:
            self._tell(name, "lost")
            with self._lock:
                del self._known[name]
        (answer,) = self._fleet.ask(lambda host: (host, self._make(host)), _OPEN_S, [name])
        if answer.value is not None:
            with self._lock:
                self._known[name] = answer.value
            self._tell(name, "connected")
        else:
            self._tell(name, str(answer.error or "no answer"))

    def _tell(self, name: str, event: str) -> None:
        """Each event once, however often it is tried."""
        if self._events.get(name) == event:
            return
        self._events[name] = event
        _log.info("host_connection", host=name, state=event)
        self._told(name, event)
