"""Opening the database: SQLite or PostgreSQL behind one small face, its errors in our words.

Reads take no lock; writes on SQLite take it at their beginning, so that two writers wait for each
other instead of failing in the middle.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from lifebuoy.errors import BadInput, DatabaseTrouble

_T = TypeVar("_T")

#: how long a writer waits for the one before it
BUSY_S: Final = 30.0
#: how long a server that is away is waited for in the middle of an operation
AWAY_S: Final = 60.0
#: how often it is looked whether it is back
PACE_S: Final = 0.5
#: libpq's options for a connection whose loss must be noticed within seconds
_QUICK_TO_NOTICE: Final = {
    "connect_timeout": 5,
    "keepalives_idle": 3,
    "keepalives_interval": 1,
    "keepalives_count": 3,
    "tcp_user_timeout": 5000,
}
#: By which the server notices that a machine is gone without a word, in two minutes instead of two
#: hours: later than whoever lives there has let go of what it works on (``AWAY_S``), as what it
#: had locked is given to others then.
_MISSED: Final = "-c tcp_keepalives_idle=60 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=6"
_WRITES: Final = "lifebuoy_writes"
HINT: Final = (
    "see the setting database (LIFEBUOY_DATABASE). Instances do not depend on it: lifebuoy "
    "rescue status and rescue exit work without"
)


@dataclass(frozen=True, slots=True)
class Database:
    """An opened database. ``url`` may hold a password: it is never shown.

    ``patience_s`` is how long a file that another process holds, or a server that is away, is
    waited for in the middle of something.
    """

    url: sa.URL
    engine: sa.Engine
    patience_s: float

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
        return self.url.set(drivername="postgresql").render_as_string(hide_password=True)

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

    def patiently(self, act: Callable[[], _T]) -> _T:
        """Do ``act`` with the database, again and again while its server is away.

        Raises:
            DatabaseTrouble: from ``act``, after ``patience_s``.
        """
        deadline = time.monotonic() + self.patience_s
        while True:
            try:
                return act()
            except DatabaseTrouble:
                # SQLite has waited by itself; what else is wrong with a file stays wrong
                if self.is_sqlite or time.monotonic() >= deadline:
                    raise
                time.sleep(PACE_S)

    @contextmanager
    def alone(self, key: int, doing: str) -> Iterator[None]:
        """Hold an advisory lock of PostgreSQL's; ``doing`` is what others are told of who has it.

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
                    raise held_up(self.location, doing)
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


def open_database(url: str, patience_s: float | None = None) -> Database:
    """The database at ``url``; nothing is asked of it yet.

    ``patience_s``: see ``Database``; for SQLite also ``?timeout=SECONDS`` in the URL.

    Raises:
        BadInput: no URL of SQLite or PostgreSQL.
        DatabaseTrouble: its folder cannot be made.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() == "sqlite":
        waits_s = _sqlite_patience(parsed) if patience_s is None else patience_s
        return Database(parsed, _sqlite(parsed, waits_s), waits_s)
    waits_s = AWAY_S if patience_s is None else patience_s
    return Database(parsed, _server(parsed, waits_s), waits_s)


def trouble(location: str, error: Exception) -> DatabaseTrouble:
    """What SQLAlchemy or DBOS says in our words, without statements and their values."""
    if isinstance(error, DatabaseTrouble):
        return error
    why = type(error).__name__
    if isinstance(error, DBAPIError) and error.orig is not None:
        why = driver_words(error.orig)
    return DatabaseTrouble(f"the database of operations ({location}) fails: {why}", hint=HINT)


def server_arguments(url: sa.URL, name: str, options: str = "") -> dict[str, Any]:
    """How to connect to PostgreSQL, as ``name``; ``options`` is in the words of libpq.

    What the URL itself says counts.
    """
    said = url.query.get("options", "")
    words = [options, _MISSED, said if isinstance(said, str) else " ".join(said)]
    quick = {key: value for key, value in _QUICK_TO_NOTICE.items() if key not in url.query}
    return {"application_name": name, "options": " ".join(words).strip(), **quick}


def lock_timeout(seconds: float) -> str:
    """That PostgreSQL waits no longer for what another session has locked, in its words."""
    return f"-c lock_timeout={int(seconds * 1000)}"


def held_up(location: str, doing: str) -> DatabaseTrouble:
    """The error for whoever has waited for another one that is ``doing`` something."""
    return DatabaseTrouble(f"somebody else is {doing} of {location} for too long", hint=HINT)


def driver_words(error: BaseException) -> str:
    """What a driver says, on one line and without the guesses that libpq adds, each after a tab."""
    lines = [line for line in str(error).splitlines() if not line.startswith("\t")]
    return re.sub(r"\s+", " ", " ".join(lines)).strip()[:300]


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


def _sqlite_patience(url: sa.URL) -> float:
    try:
        return float(str(url.query.get("timeout", BUSY_S)))
    except ValueError:
        raise BadInput("the timeout in the setting database is no number of seconds") from None


def _server(url: sa.URL, patience_s: float) -> sa.Engine:
    from lifebuoy.store import answering  # loads a driver: only where it is used

    made = sa.create_engine(
        url,
        pool_pre_ping=True,
        pool_size=5,
        max_overflow=20,
        connect_args=server_arguments(url, "lifebuoy", lock_timeout(patience_s)),
    )
    return answering.watch(made, patience_s)


def _sqlite(url: sa.URL, patience_s: float) -> sa.Engine:
    assert url.database is not None
    folder = Path(url.database).parent
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseTrouble(
            f"the folder of the database of operations ({folder}) cannot be made: {error.strerror}",
            hint=HINT,
        ) from error
    options: dict[str, Any] = {"isolation_level": None, "timeout": patience_s}
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
