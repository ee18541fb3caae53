"""The hosts that a worker serves: those of the settings, also when these change meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self, TypeVar

from lifebuoy.cli.session import Session
from lifebuoy.errors import BadInput, HostTrouble
from lifebuoy.hosts.fleet import Answer, Fleet, opener
from lifebuoy.hosts.keeping import Keeper
from lifebuoy.hosts.place import Place
from lifebuoy.hypervisor import Host
from lifebuoy.image import Catalogue
from lifebuoy.interruption import BackgroundThread
from lifebuoy.operations.context import Context
from lifebuoy.operations.daemon import daemon_of

T = TypeVar("T")

#: How often the file of the settings is read.
_LOOK_S: Final = 2.0
_ITSELF: Final = "worker"


class Tell(Protocol):
    """Whoever watches the worker: is told of itself or a host, and what happened."""

    def __call__(self, subject: str, event: str, /) -> None: ...


@dataclass(frozen=True, slots=True)
class _Known:
    """A connected host as the worker uses it."""

    daemon: str
    context: Context


@dataclass(frozen=True, slots=True)
class _Machine:
    """What the machine behind a host of the settings calls itself to libvirt."""

    place: str
    uuid: str


class Hosts:
    """All hosts of the settings, or those of these names; a context manager that connects them.

    Of the settings only the hosts are read again. One that was taken out gets no new work; what is
    under way there goes on.
    """

    def __init__(self, session: Session, names: Sequence[str], tell: Tell) -> None:
        """Find the hosts.

        Raises:
            BadInput: one that is named is not configured.
        """
        _require_known(session, names)
        self._session = session
        self._names = names
        self._tell = tell
        self._content = _content(session.config_path)
        timeout_s = session.settings.host_timeout_s
        self._fleet = Fleet(_places(session, names), opener(session.state_dir), timeout_s=timeout_s)
        self._keeper = Keeper(self._fleet, self._known, tell)
        self._called: dict[str, _Machine] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()

    def __enter__(self) -> Self:
        self._serve(self._fleet.places)
        BackgroundThread(self._follow, name="settings").start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._keeper.stop()
        self._fleet.close()

    def contexts(self) -> Mapping[str, Context]:
        """Those that are connected now, by which libvirt they are."""
        return {one.daemon: one.context for one in self._keeper.connected().values()}

    @property
    def places(self) -> tuple[Place, ...]:
        """Which there are, by name."""
        return self._fleet.places

    @property
    def connected(self) -> int:
        """How many are connected now."""
        return len(self._keeper.connected())

    @property
    def catalogue(self) -> Catalogue:
        """The rescue images that there are for all of them."""
        return self._session.catalogue()

    def ask(
        self, question: Callable[[Host], T], names: Iterable[str] | None = None
    ) -> list[Answer[T]]:
        """Ask all, or those named, at the same time, each with a deadline.

        Raises:
            NotFound: no host is called so.
        """
        return self._fleet.ask(question, None, names)

    def context(self, name: str) -> Context:
        """One of them, connected.

        Raises:
            NotFound: no host is called so.
            HostSilent, CannotConnect: it cannot be reached.
        """
        known = self._keeper.connected().get(name)
        return known.context if known else self._known(self._fleet.host(name)).context

    def _known(self, host: Host) -> _Known:
        """A connected host, and which it is on record.

        Raises:
            HostTrouble: another machine is the same on record.
        """
        daemon, found = daemon_of(host), _Machine(host.given_name, host.machine)
        with self._lock:
            first = self._called.setdefault(daemon, found)
            if first.place == found.place:
                self._called[daemon] = first = found
        if first.uuid != found.uuid:
            raise HostTrouble(
                f"'{found.place}' is another machine than '{first.place}', and both call "
                f"themselves '{host.hostname}': it is not served, as their operations could not be "
                "told apart",
                hint="give it a host name of its own: hostnamectl",
            )
        return _Known(daemon, self._session.context_of(host))

    def _serve(self, places: Sequence[Place]) -> None:
        there = {place.name for place in places}
        with self._lock:
            self._called = {d: one for d, one in self._called.items() if one.place in there}
        names = ", ".join(place.name or "this host" for place in places)
        self._tell(_ITSELF, f"serves {names or 'no host'}")
        self._keeper.follow(places)

    def _follow(self) -> None:
        while not self._stopping.wait(_LOOK_S):
            content = _content(self._session.config_path)
            if content != self._content:
                self._content = content
                self._read_again()

    def _read_again(self) -> None:
        fresh = Session(self._session.connect_flag, self._session.config_flag)
        try:
            places = _places(fresh, self._names)
        except BadInput as error:
            self._tell(_ITSELF, f"serves the same hosts as before: {error.message}")
            return
        if set(places) != set(self._fleet.places):
            self._serve(places)


def _places(session: Session, names: Sequence[str]) -> tuple[Place, ...]:
    if not names:
        return session.many or (session.only(),)
    return tuple(place for place in session.settings.hosts if place.name in names)


def _require_known(session: Session, names: Sequence[str]) -> None:
    known = [place.name for place in session.settings.hosts]
    for name in names:
        if name not in known:
            there = f"there are: {', '.join(known)}" if known else "lifebuoy host add NAME URI"
            raise BadInput(f"there is no host '{name}'", hint=there)


def _content(path: Path) -> bytes | None:
    """What the file holds; None where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError:
        return None
