"""Opening the database: SQLite or PostgreSQL behind one small face, its errors in our words.

Reads take no lock; writes on SQLite take it at their beginning, so that two writers wait for each
other instead of failing in the middle.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from lifebuoy.errors import BadInput, DatabaseTrouble

#: how long a writer waits for the one before it
BUSY_S: Final = 30.0
_CONNECT_S: Final = 10
_WRITES: Final = "lifebuoy_writes"
HINT: Final = (
    "see the setting database (LIFEBUOY_DATABASE). Instances do not depend on it: lifebuoy "
    "rescue status and rescue exit work without"
)


@dataclass(frozen=True, slots=True)
class Database:
    """An opened database. ``url`` may hold a password: it is never shown."""

    url: sa.URL
    engine: sa.Engine

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file of this machine."""
        return self.url.get_backend_name() == "sqlite"

    @property
    def file(self) -> Path:
        """The file of SQLite."""
        assert self.url.database is not None
        return Path(self.url.database)

    @property
    def location(self) -> str:
        """Where it is, without a password."""
        if self.is_sqlite:
            return str(self.file)
        return self.url.render_as_string(hide_password=True)

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A transaction that reads.

        Raises:
            DatabaseTrouble: it cannot be used; says why.
        """
        with self._told(), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction that writes; nobody else writes meanwhile on SQLite.

        Raises:
            DatabaseTrouble: it cannot be used; says why.
        """
        with (
            self._told(),
            self.engine.connect().execution_options(**{_WRITES: True}) as connection,
            connection.begin(),
        ):
            yield connection

    @contextmanager
    def alone(self, key: int) -> Iterator[None]:
        """Hold an advisory lock of PostgreSQL's.

        It is tried for, and held outside any transaction: indexes that are made beside others'
        work wait for all transactions and statements that are under way, also one that waits for
        this lock.

        Raises:
            DatabaseTrouble: it cannot be had in time.
        """
        deadline = time.monotonic() + BUSY_S
        with self._told(), self.engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            while not connection.execute(sa.select(sa.func.pg_try_advisory_lock(key))).scalar():
                if time.monotonic() > deadline:
                    raise DatabaseTrouble(
                        f"somebody else is making the tables of {self.location} for too long",
                        hint=HINT,
                    )
                time.sleep(0.02)
            try:
                yield
            finally:
                connection.execute(sa.select(sa.func.pg_advisory_unlock(key)))

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.IntegrityError:
            raise  # an answer, not trouble: another one was first
        except SQLAlchemyError as error:
            raise trouble(self.location, error) from error


def default_url(state_dir: Path) -> str:
    """The URL of this user's own database."""
    return f"sqlite:///{state_dir / 'lifebuoy.sqlite'}"


def open_database(url: str) -> Database:
    """The database at ``url``; nothing is asked of it yet.

    Raises:
        BadInput: no URL of SQLite or PostgreSQL.
        DatabaseTrouble: its folder cannot be made.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() == "sqlite":
        return Database(parsed, _sqlite(parsed))
    return Database(
        parsed,
        sa.create_engine(
            parsed,
            pool_pre_ping=True,
            pool_size=5,
            max_overflow=20,
            connect_args={"connect_timeout": _CONNECT_S, "application_name": "lifebuoy"},
        ),
    )


def trouble(location: str, error: Exception) -> DatabaseTrouble:
    """What SQLAlchemy or DBOS says in our words, without statements and their values."""
    why = type(error).__name__
    if isinstance(error, DBAPIError) and error.orig is not None:
        why = re.sub(r"\s+", " ", str(error.orig)).strip()[:300]
    return DatabaseTrouble(f"the database of operations ({location}) fails: {why}", hint=HINT)


def _parsed(url: str) -> sa.URL:
    wanted = "sqlite:///PATH or postgresql://USER@HOST/NAME"
    try:
        parsed = sa.make_url(url)
        backend = parsed.get_backend_name()
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise BadInput("the setting database is no URL", hint=f"for example {wanted}") from None
    if backend == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if backend != "sqlite" or not parsed.database or parsed.database == ":memory:":
        raise BadInput("the setting database names no database we know", hint=f"use {wanted}")
    return parsed.set(drivername="sqlite", database=str(Path(parsed.database).absolute()))


def _sqlite(url: sa.URL) -> sa.Engine:
    assert url.database is not None
    folder = Path(url.database).parent
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseTrouble(
            f"the folder of the database of operations ({folder}) cannot be made: {error.strerror}",
            hint=HINT,
        ) from error
    options: dict[str, Any] = {"isolation_level": None}
    if "timeout" not in url.query:
        options["timeout"] = BUSY_S
    engine = sa.create_engine(url, connect_args=options)
    sa.event.listen(engine, "connect", _prepare)
    sa.event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: Any, _record: object) -> None:
    # With a write-ahead log a process that is killed loses nothing; only a power failure may take
    # the last moments, and then the machines it speaks of have ended, too.
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA foreign_keys=ON")


def _begin(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
