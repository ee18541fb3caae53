"""An engine for DBOS whose waits end.

DBOS does again and again, without end, what fails with a locked file or a lost connection. Here
such a failure becomes ``DatabaseTrouble`` once it was waited for long enough, which DBOS hands on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import ExceptionContext

from lifebuoy.errors import DatabaseTrouble
from lifebuoy.store.database import (
    HINT,
    PACE_S,
    Database,
    driver_words,
    lock_timeout,
    server_arguments,
)

_ASKED: Final = "lifebuoy_asked"
_LOCKED: Final = "database is locked"
_LOCK_TIMEOUT: Final = "55P03"
#: DBOS pauses for less than this between two tries; a failure after that is no try any more
_APART_S: Final = 100.0
#: A transaction that its process has left open for so long is ended by the server.
_IDLE_MS: Final = 60_000


def engine(database: Database, pool_size: int) -> sa.Engine:
    """Connections to ``database`` as DBOS wants them."""
    return _sqlite(database, pool_size) if database.is_sqlite else _server(database, pool_size)


def _sqlite(database: Database, pool_size: int) -> sa.Engine:
    """As DBOS makes them itself, but for the pace of the disk (see ``store.database``)."""
    patience_s = database.patience_s
    made = sa.create_engine(database.url, connect_args={"timeout": patience_s}, pool_size=pool_size)

    @sa.event.listens_for(made, "connect")
    def prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = "IMMEDIATE"
        connection.execute(f"PRAGMA busy_timeout={int(patience_s * 1000)}")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA synchronous=NORMAL")

    _give_up_what_is_held(made, database, lambda error: _LOCKED in str(error))
    return made


def _give_up_what_is_held(
    made: sa.Engine, database: Database, is_held: Callable[[BaseException], bool]
) -> None:
    @sa.event.listens_for(made, "before_cursor_execute")
    def note(connection: sa.Connection, *_more: object) -> None:
        connection.info[_ASKED] = time.monotonic()

    @sa.event.listens_for(made, "handle_error")
    def give_up(failed: ExceptionContext) -> None:
        if failed.connection is None or not is_held(failed.original_exception):
            return
        waited_s = time.monotonic() - failed.connection.info.get(_ASKED, float("-inf"))
        if waited_s >= database.patience_s / 2:  # not one of the locks that are not waited for
            raise DatabaseTrouble(
                f"the database of operations ({database.location}) was held by another process "
                f"for longer than {database.patience_s:g} s",
                hint=HINT,
            )


def _server(database: Database, pool_size: int) -> sa.Engine:
    """A server that is away is waited for where a connection is made; it is seen soon when it is
    back. What else fails on and on (a full disk of its) is given up after as long.
    """
    from lifebuoy.store import answering  # loads a driver: only where it is used

    made = sa.create_engine(
        database.url,
        pool_pre_ping=True,
        pool_size=pool_size,
        connect_args=server_arguments(
            database.url,
            "lifebuoy",
            f"{lock_timeout(database.patience_s)} "
            f"-c idle_in_transaction_session_timeout={_IDLE_MS}",
        ),
    )
    _give_up_what_is_held(
        made, database, lambda error: getattr(error, "sqlstate", "") == _LOCK_TIMEOUT
    )
    passing = made.dialect.loaded_dbapi.OperationalError
    failing = _Failing()

    def trouble(error: BaseException) -> DatabaseTrouble:
        failing.end()
        return DatabaseTrouble(
            f"the database of operations ({database.location}) was out of reach for longer than "
            f"{database.patience_s:g} s: {driver_words(error)}",
            hint=HINT,
        )

    @sa.event.listens_for(made, "do_connect")
    def connect(_dialect: sa.Dialect, _record: object, words: Any, named: Any) -> Any:
        deadline = time.monotonic() + database.patience_s
        while True:
            try:
                return answering.connect(database.patience_s, *words, **named)
            except passing as error:
                if time.monotonic() >= deadline:
                    raise trouble(error) from error
                time.sleep(PACE_S)

    @sa.event.listens_for(made, "handle_error")
    def give_up(failed: ExceptionContext) -> None:
        if failed.is_pre_ping or not isinstance(failed.original_exception, passing):
            return
        if failing.since() >= database.patience_s:
            raise trouble(failed.original_exception)

    @sa.event.listens_for(made, "commit")
    def succeeded(_connection: sa.Connection) -> None:
        failing.end()

    return made


class _Failing(threading.local):
    """For how long all that this thread tries has failed."""

    began: float | None = None
    last: float = 0.0

    def since(self) -> float:
        """Note a failure; the seconds since the first."""
        now = time.monotonic()
        if self.began is None or now - self.last > _APART_S:
            self.began = now
        self.last = now
        return now - self.began

    def end(self) -> None:
        """Something has worked, or it was given up."""
        self.began = None
