"""Keeps hosts connected in a process that lives on: what is lost is opened again behind the scenes.

Whoever asks gets those that are connected now, at once; a host that hangs is in nobody's way.
Which hosts there are may change at any time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Generic, TypeVar

import structlog

from lifebuoy.errors import NotFound
from lifebuoy.hosts.fleet import Fleet
from lifebuoy.hosts.place import Place
from lifebuoy.hypervisor import Host
from lifebuoy.interruption import BackgroundThread

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
        self._known: dict[Place, tuple[Host, T]] = {}
        self._events: dict[Place, str] = {}
        self._kept: dict[Place, threading.Event] = {}
        self._lock = threading.Lock()

    def follow(self, places: Iterable[Place]) -> None:
        """Keep these connected from now on, and no others; comes back at once."""
        wanted = tuple(places)
        self._fleet.become(wanted)
        with self._lock:
            for place in self._kept.keys() - set(wanted):
                self._kept.pop(place).set()
                self._known.pop(place, None)
                self._events.pop(place, None)
            fresh = {place: threading.Event() for place in wanted if place not in self._kept}
            self._kept |= fresh
        for one in fresh.items():
            BackgroundThread(self._keep, *one, name=f"keep-{one[0].name}").start()

    def stop(self) -> None:
        """Connect no more; what is open stays so until the fleet is closed."""
        with self._lock:
            for stopping in self._kept.values():
                stopping.set()

    def connected(self) -> Mapping[str, T]:
        """What was made of each host whose connection stands, by the host's name; at once."""
        with self._lock:
            known = dict(self._known)
        return {place.name: made for place, (host, made) in known.items() if host.alive}

    def _keep(self, place: Place, stopping: threading.Event) -> None:
        while not stopping.is_set():
            self._look(place)
            stopping.wait(_LOOK_S)

    def _look(self, place: Place) -> None:
        with self._lock:
            known = self._known.get(place)
        if known is not None and known[0].alive:
            return
        if known is not None:
            self._note(place, None, "lost")
        try:
            (answer,) = self._fleet.ask(
                lambda host: (host, self._make(host)), _OPEN_S, [place.name]
            )
        except NotFound:
            return  # it was taken out a moment ago
        words = "connected" if answer.value is not None else str(answer.error or "no answer")
        if answer.place == place:
            self._note(place, answer.value, words)

    def _note(self, place: Place, found: tuple[Host, T] | None, event: str) -> None:
        """How it is; each event is told once, however often it is tried."""
        with self._lock:
            if place not in self._kept:
                return
            if found is None:
                self._known.pop(place, None)
            else:
                self._known[place] = found
            if self._events.get(place) == event:
                return
            self._events[place] = event
        _log.info("host_connection", host=place.name, state=event)
        self._told(place.name, event)
