"""What goes wrong around Lifebuoy while it goes on: its machine dies, its disk fills, its clock
jumps, its record is locked, lost or spoilt. Struck at a boundary, or before the operation begins.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from faults import apart, clock
from faults.world import World

Act = Callable[[World], object]

_LOCKED_S: Final = 3.0
_PATIENCE_S: Final = 1.0
#: longer than a server takes that comes back
AWAY_S: Final = 10.0
_STEP: Final = 4096
_DAY_S: Final = 86400.0


def _nothing(_world: World) -> None:
    """Nothing to be done."""


@dataclass(frozen=True, slots=True)
class Disturbance:
    """``strike`` happens in the process that works, ``relieve`` when it has ended.

    ``ends_machine``: the instance may be stopped afterwards. ``at_start``: before the operation,
    instead of at a boundary. ``ends_process``: the operation is killed by it.
    """

    name: str
    strike: Act
    relieve: Act = _nothing
    ends_machine: bool = False
    ends_process: bool = False
    at_start: bool = False


def disturbances() -> tuple[Disturbance, ...]:
    """All of them."""
    full = (
        Disturbance(f"disk full but for {left} KiB", _filled(left), _emptied)
        for left in (0, 24, 160)
    )
    return (
        Disturbance("QEMU killed", lambda world: world.end_machines(), ends_machine=True),
        *(full if apart.possible() else ()),
        *(
            Disturbance(f"clock jumps {words}", _jumped(days), _goes_on_wrong(days))
            for words, days in (("a year ahead", 365), ("a week back", -7))
        ),
        Disturbance("database gone", _gone),
        Disturbance("database spoilt", _spoilt, _gone),
        Disturbance("database locked for a while", _locked(0.6)),
        Disturbance("database locked for longer than is waited", _locked(_LOCKED_S), _unlocked),
        Disturbance("database gone", _gone, at_start=True),
        Disturbance("database spoilt", _spoilt, _gone, at_start=True),
        Disturbance("database of a newer version", _newer, _gone, at_start=True),
        Disturbance("database is a folder", _folder, _gone, at_start=True),
    )


def _filled(left_kib: int) -> Act:
    def fill(world: World) -> None:
        """Fill the file system until only that much is free."""
        status = os.statvfs(world.home)
        free = status.f_bavail * status.f_frsize
        with (world.home / "filler").open("ab") as out, suppress(OSError):
            for _ in range(max(0, free - left_kib * 1024) // _STEP):
                os.write(out.fileno(), bytes(_STEP))

    return fill


def _emptied(world: World) -> None:
    (world.home / "filler").unlink(missing_ok=True)


def _jumped(days: int) -> Act:
    return lambda _world: clock.jump(days * _DAY_S)


def _goes_on_wrong(days: int) -> Act:
    def go_on(world: World) -> None:
        """Whoever comes next sees the same wrong time."""
        world.ahead_s = days * _DAY_S

    return go_on


def _gone(world: World) -> None:
    for file in world.database.parent.glob("lifebuoy.sqlite*"):
        if file.name.endswith((".executors", ".lock")):
            continue
        if file.is_dir():
            shutil.rmtree(file)
        else:
            file.unlink(missing_ok=True)


def _spoilt(world: World) -> None:
    file = world.database
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.is_dir():
        raise OSError(errno.EISDIR, str(file))
    with file.open("r+b" if file.exists() else "wb") as out:
        out.write(b"This is no database. " * 4096)
        out.flush()


def _newer(world: World) -> None:
    file = world.database
    file.parent.mkdir(parents=True, exist_ok=True)
    _gone(world)
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        connection.execute("INSERT INTO alembic_version VALUES ('9999')")


_LOCK: Final = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], timeout=5.0)
connection.execute("BEGIN EXCLUSIVE")
print("!", end="", flush=True)
time.sleep(float(sys.argv[2]))
"""


def _folder(world: World) -> None:
    _gone(world)
    world.database.mkdir(parents=True)


def _locked(seconds: float) -> Act:
    def lock(world: World) -> None:
        """Another process writes and does not get done for so long."""
        if not world.database.exists():
            return
        # No fork: a lock that another thread holds right now would never be released in it.
        words = [sys.executable, "-c", _LOCK, str(world.database), str(seconds)]
        holder = subprocess.Popen(words, stdout=subprocess.PIPE)
        assert holder.stdout
        holder.stdout.read(1)  # one byte, or the end of it where the database is in use
        holder.stdout.close()

    return lock


def _unlocked(_world: World) -> None:
    time.sleep(_LOCKED_S)


def be_impatient() -> None:
    """In the process that works: wait for a database that is locked, or away, no longer."""
    from lifebuoy.store import database

    setattr(database, "BUSY_S", _PATIENCE_S)  # noqa: B010 - it is Final for everybody else
    setattr(database, "AWAY_S", AWAY_S)  # noqa: B010
