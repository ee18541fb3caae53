"""Who works: one id for each process, and a lock that is held for exactly as long as it lives.

An operation whose executor's lock is free was left behind. On SQLite the lock is the kernel's, on a
file beside the database; on PostgreSQL it is an advisory lock of a connection of its own, which a
restart of the server takes away: so that one is kept up, and missed only after some seconds.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import SQLAlchemyError

from lifebuoy.errors import DatabaseTrouble
from lifebuoy.interruption import BackgroundThread
from lifebuoy.store import Database
from lifebuoy.store.database import server_arguments, trouble

_log = structlog.get_logger(__name__)

#: A lock of PostgreSQL that is free for less than this may be one whose holder reconnects.
_GRACE_S: Final = 4.0
_KEEP_UP_S: Final = 1.0


class Executor(Protocol):
    """This process as one that works on operations."""

    @property
    def id(self) -> str:
        """Tells it from every other, also from an earlier process with its number."""

    @property
    def patience_s(self) -> float:
        """How long a process must look gone until it surely is."""

    def looks_gone(self, other: str) -> bool:
        """Whether the process of that id seems to have ended."""

    def sweep(self) -> None:
        """Remove what processes that were killed left of themselves."""

    def close(self) -> None:
        """Stop: what it left may be adopted."""


def new(database: Database) -> Executor:
    """An executor for this process.

    Raises:
        DatabaseTrouble: its lock cannot be taken.
    """
    name = f"{socket.gethostname()[:24]}-{os.getpid()}-{secrets.token_hex(4)}"
    return _FileLocked(database, name) if database.is_sqlite else _ServerLocked(database, name)


def looks_gone(database: Database, other: str) -> bool:
    """Whether the process of that id seems to have ended; asked by one that need not be one."""
    if database.is_sqlite:
        return _is_file_free(_folder(database) / Path(other).name)
    # asked in a transaction, so that whoever asks holds it for no longer than that
    with database.reading() as connection:
        query = sa.select(sa.func.pg_try_advisory_xact_lock(_key(other)))
        return bool(connection.execute(query).scalar())


def is_gone(executor: Executor, other: str) -> bool:
    """Whether the process of that id has ended; may take some seconds to be sure."""
    deadline = time.monotonic() + executor.patience_s
    while executor.looks_gone(other):
        if time.monotonic() >= deadline:
            return True
        time.sleep(_KEEP_UP_S / 2)
    return False


class _FileLocked:
    patience_s = 0.0

    def __init__(self, database: Database, name: str) -> None:
        self.id = name
        self._database = database
        self._folder = _folder(database)
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            self._path = self._folder / name
            draft = self._folder / f".{name}"  # it gets its name once it is locked
            self._descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            draft.rename(self._path)
        except OSError as error:
            raise DatabaseTrouble(
                f"cannot write beside the database of operations ({self._folder}): {error.strerror}"
            ) from error

    def looks_gone(self, other: str) -> bool:
        return other != self.id and looks_gone(self._database, other)

    def sweep(self) -> None:
        for path in self._folder.glob("[!.]*"):
            self.looks_gone(path.name)

    def close(self) -> None:
        with suppress(OSError):
            self._path.unlink()
        os.close(self._descriptor)


class _ServerLocked:
    patience_s = _GRACE_S

    def __init__(self, database: Database, name: str) -> None:
        self.id = name
        self._database = database
        from lifebuoy.store import answering  # loads a driver: only where it is used

        made = sa.create_engine(
            database.url,
            poolclass=sa.pool.NullPool,
            isolation_level="AUTOCOMMIT",
            connect_args=server_arguments(database.url, f"lifebuoy {name}"),
        )
        self._engine = answering.watch(made, database.patience_s)
        self._closing = threading.Event()
        try:
            self._connection = self._locked()
        except SQLAlchemyError as error:
            raise trouble(database.location, error) from error
        self._keeper = BackgroundThread(self._keep_up, name="executor-lock")
        self._keeper.start()

    def looks_gone(self, other: str) -> bool:
        return other != self.id and looks_gone(self._database, other)

    def sweep(self) -> None:
        return

    def close(self) -> None:
        self._closing.set()
        self._keeper.join(2 * _KEEP_UP_S)
        with suppress(SQLAlchemyError):
            self._connection.close()

    def _locked(self) -> sa.Connection:
        connection = self._engine.connect()
        connection.execute(sa.select(sa.func.pg_advisory_lock(_key(self.id))))
        return connection

    def _keep_up(self) -> None:
        while not self._closing.wait(_KEEP_UP_S):
            try:
                self._connection.execute(sa.text("SELECT 1"))
            except SQLAlchemyError:
                with suppress(SQLAlchemyError):
                    self._connection.invalidate()
                    self._connection.close()
                try:
                    self._connection = self._locked()
                    _log.info("executor_lock_taken_again", executor=self.id)
                except SQLAlchemyError:
                    continue  # the server is not back yet


def _folder(database: Database) -> Path:
    return database.file.with_name(database.file.name + ".executors")


def _is_file_free(path: Path) -> bool:
    """Whether nobody holds the lock of a file; the file of one who has ended is removed."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    except OSError:
        return False  # it is another user's, so it is not known
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    with suppress(OSError):
        path.unlink()
    return True


def _key(name: str) -> int:
    """The 64-bit number that PostgreSQL locks."""
    digest = hashlib.sha256(b"lifebuoy executor " + name.encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
