"""The hosts of one user: connections opened when needed, kept, and opened again after a loss.

All are asked at the same time, each in a thread of its own with a deadline: libvirt's calls cannot
be cut off, but they let go of Python's lock. A thread that waits for a host that hangs is left
behind; it is a daemon, so that it holds up neither the others nor the end of the process.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Final, Generic, Self, TypeVar

from lifebuoy.errors import LifebuoyError, NotFound
from lifebuoy.hosts.line import Line, silent
from lifebuoy.hosts.place import Place
from lifebuoy.hypervisor import Host, connect

T = TypeVar("T")
Open = Callable[[Place], Host]

_CLOSE_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What one host said: ``value``, or ``error`` where it did not answer as asked.

    ``seconds`` is how long it took, or how long it was waited for.
    """

    place: Place
    value: T | None
    error: LifebuoyError | None
    seconds: float

    def required(self) -> T:
        """The value.

        Raises:
            LifebuoyError: why there is none.
        """
        if self.value is None:
            raise self.error or silent(self.place, "does not answer")
        return self.value


class Fleet:
    """Hosts by name; a context manager."""

    def __init__(self, places: Iterable[Place], open_: Open, *, timeout_s: float) -> None:
        self._open = open_
        self._lines: Mapping[str, Line] = {}
        self.timeout_s = timeout_s
        self.become(places)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def places(self) -> tuple[Place, ...]:
        """The hosts there are, by name."""
        return tuple(line.place for line in self._lines.values())

    def become(self, places: Iterable[Place]) -> None:
        """Be of these hosts from now on; those that are the same stay connected.

        The connection to another is dropped, not closed: who still uses it goes on with it.
        """
        before = self._lines
        self._lines = {
            place.name: there
            if (there := before.get(place.name)) is not None and there.place == place
            else Line(place, self._open)
            for place in places
        }

    def host(self, name: str, timeout_s: float | None = None) -> Host:
        """The connected host ``name``.

        Raises:
            NotFound: no host is called so.
            HostSilent: it did not answer in time.
            CannotConnect: it refused.
        """
        (answer,) = self.ask(lambda host: host, timeout_s, [name])
        return answer.required()

    def ask(
        self,
        question: Callable[[Host], T],
        timeout_s: float | None = None,
        names: Iterable[str] | None = None,
    ) -> list[Answer[T]]:
        """Ask all hosts, or those named, the same at the same time; answers are in their order.

        The question may be asked twice, where a kept connection turns out to be lost. What it
        raises beside errors of ours is raised here.
        """
        lines = list(self._lines.values()) if names is None else [self._line(n) for n in names]
        deadline_s = self.timeout_s if timeout_s is None else timeout_s
        began = time.monotonic()
        said: SimpleQueue[tuple[Line, object]] = SimpleQueue()
        for line in lines:
            line.ask(question, deadline_s, lambda line, what: said.put((line, what)))
        heard: dict[str, Answer[T]] = {}
        while len(heard) < len(lines):
            try:
                line, what = said.get(timeout=max(0.0, began + deadline_s - time.monotonic()))
            except Empty:
                break
            heard[line.place.name] = _answer(line.place, what, time.monotonic() - began)
        return [heard.get(line.place.name) or _silent(line.place, deadline_s) for line in lines]

    def close(self) -> None:
        """Close what is open; a host that hangs is not waited for beyond a moment."""
        closing = [thread for line in self._lines.values() if (thread := line.close())]
        deadline = time.monotonic() + _CLOSE_S
        for thread in closing:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _line(self, name: str) -> Line:
        try:
            return self._lines[name]
        except KeyError:
            there = ", ".join(self._lines)
            raise NotFound(
                f"there is no host '{name}'", hint=f"there are: {there}" if there else ""
            ) from None


def opener(state_dir: Path) -> Open:
    """What opens the real hosts; ``state_dir`` is where the embedded one lives.

    A place without a URI is the first libvirt that answers here.
    """

    def open_(place: Place) -> Host:
        return connect(place.uri or None, state_dir=state_dir, name=place.name, pool=place.pool)

    return open_


def _answer(place: Place, what: object, seconds: float) -> Answer[T]:
    if isinstance(what, LifebuoyError):
        return Answer(place, None, what, seconds)
    if isinstance(what, BaseException):
        raise what
    return Answer(place, what, None, seconds)  # type: ignore[arg-type]  # what the question gave


def _silent(place: Place, waited_s: float) -> Answer[T]:
    return Answer(place, None, silent(place, f"has not answered within {waited_s:g} s"), waited_s)
