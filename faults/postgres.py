"""A world whose record is in PostgreSQL: a real server that is restarted, or dies."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from faults import boundary
from faults.disturbance import Disturbance
from faults.observation import Scene
from faults.world import World, founded, peopled
from tests.postgres import Server, as_somebody, find, serving

_NAME: Final = "lifebuoy"
_MOMENT_S: Final = 2
_BACK_S: Final = 60.0


@dataclass
class OnPostgres(World):
    """The same with its record there; a database is kept as a copy of it."""

    server: Server = field(kw_only=True)

    def scene(self) -> Scene:
        """Where to look after a fault."""
        return Scene(self.uri, self.home, self.server.url(_NAME))

    def environment(self) -> dict[str, str]:
        """What the user's commands are given."""
        return super().environment() | {"LIFEBUOY_DATABASE": self.server.url(_NAME)}

    def keep(self, name: str) -> None:
        """Remember how all is now."""
        super().keep(name)
        self._copy(_NAME, name)

    def put_back(self, name: str = "made") -> None:
        """As it was kept."""
        super().put_back(name)
        self._copy(name, _NAME)

    def _copy(self, source: str, target: str) -> None:
        self.server.drop(target)
        self.server.create(target, like=source)


def lacks() -> str:
    """Why such a world cannot be made here; empty if it can."""
    return "" if find() else "there is no PostgreSQL server"


@contextmanager
def made() -> Iterator[World]:
    """Such a world with a stopped instance; gone after the block."""
    programs = find()
    assert programs is not None
    with founded() as folder:
        folder.chmod(0o755)  # the server is nobody's
        with serving(folder / "server", programs) as server:
            server.create(_NAME)
            world = OnPostgres(folder, server=server)
            with peopled(world):
                yield world


def disturbances() -> tuple[Disturbance, ...]:
    """How the server ends."""
    return (
        Disturbance("PostgreSQL restarts", lambda world: _server(world).restart()),
        Disturbance(
            f"PostgreSQL killed, back after {_MOMENT_S} s", _killed_for_a_moment, _wait_until_back
        ),
        Disturbance(
            "PostgreSQL killed, away for longer than is waited",
            lambda world: _server(world).stop(),
            lambda world: _server(world).start(),
        ),
        Disturbance(
            "PostgreSQL and the process killed",
            _killed_with_process,
            lambda world: _server(world).start(),
            ends_process=True,
        ),
        Disturbance(
            "PostgreSQL down",
            lambda world: _server(world).stop(),
            lambda world: _server(world).start(),
            at_start=True,
        ),
    )


def _server(world: World) -> Server:
    assert isinstance(world, OnPostgres)
    return world.server


def _killed_for_a_moment(world: World) -> None:
    server = _server(world)
    server.stop()
    words = ["sh", "-c", 'sleep "$0"; exec "$@"', str(_MOMENT_S), *server.starting()]
    with (server.folder / "told-later").open("w") as told:
        subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=told, stderr=told, cwd="/", **as_somebody()
        )


def _killed_with_process(world: World) -> None:
    _server(world).stop()
    boundary.die()


def _wait_until_back(world: World) -> None:
    deadline = time.monotonic() + _BACK_S
    while not _server(world).answers:
        assert time.monotonic() < deadline, "PostgreSQL did not come back"
        time.sleep(0.1)
