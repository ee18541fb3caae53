"""Brings the database's tables to this version: made, upgraded, or refused when they are newer."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from lifebuoy.errors import DatabaseNewer, DatabaseTrouble
from lifebuoy.store.database import HINT, Database, held_up

#: The newest file of migrations/versions. Known here so that a start that finds it in the database
#: need not load Alembic.
HEAD: Final = "0008"
_MIGRATIONS: Final = Path(__file__).parent / "migrations"
#: of PostgreSQL's advisory locks: "lifebuoy" in letters
_LOCK: Final = 0x6C69666562756F79
_DOING: Final = "making the tables"
_TURN_S: Final = 0.01


def prepare(database: Database) -> None:
    """Make or upgrade the tables; one process at a time, the others wait.

    Raises:
        DatabaseNewer: a newer Lifebuoy has upgraded it.
        DatabaseTrouble: it cannot be used.
    """
    if _version(database) == HEAD:
        return
    with alone(database):
        found = _version(database)
        if found == HEAD:
            return
        if found is not None and found not in _known():
            raise DatabaseNewer(
                f"the database of operations ({database.location}) was upgraded by a newer "
                f"Lifebuoy (its version {found}, ours {HEAD})",
                hint="use that version, or another database (LIFEBUOY_DATABASE). Instances do not "
                "depend on it: lifebuoy rescue status and rescue exit work without",
            )
        _upgrade(database)


@contextmanager
def alone(database: Database) -> Iterator[None]:
    """Nobody else makes or upgrades tables in the block: ours or those of DBOS."""
    if database.is_sqlite:
        with _file_lock(database):
            _use_write_ahead_log(database)
            yield
        return
    with database.alone(_LOCK, _DOING):
        yield


def _version(database: Database) -> str | None:
    """The version of the tables; None where there are none."""
    with database.reading() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        found = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
        return None if found is None else str(found)


def _use_write_ahead_log(database: Database) -> None:
    """Readers and a writer do not wait for each other; the file remembers it."""
    try:
        with closing(sqlite3.connect(database.file, timeout=database.patience_s)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
    except sqlite3.Error as error:
        raise DatabaseTrouble(
            f"the database of operations ({database.location}) fails: {error}", hint=HINT
        ) from error


def _known() -> frozenset[str]:
    return frozenset(file.name[:4] for file in (_MIGRATIONS / "versions").glob("[0-9]*.py"))


def _upgrade(database: Database) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    with database.writing() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, HEAD)


@contextmanager
def _file_lock(database: Database) -> Iterator[None]:
    path = database.file.with_name(database.file.name + ".lock")
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise DatabaseTrouble(
            f"cannot write beside the database of operations ({path}): {error.strerror}"
        ) from error
    deadline = time.monotonic() + database.patience_s
    try:
        while not _is_locked(descriptor):
            if time.monotonic() > deadline:
                raise held_up(database.location, _DOING)
            time.sleep(_TURN_S)
        yield
    finally:
        os.close(descriptor)


def _is_locked(descriptor: int) -> bool:
    """Whether it could be locked for this process."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
