"""Connections to PostgreSQL whose waits end once the server answers nobody any more.

A server that is stopped, or whose machine is, keeps its sockets: the kernel there still takes what
is sent, so that no timeout of TCP's strikes, and none of the server's own either. A long statement
is told from that by asking for another connection. Loading this module loads psycopg.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any, Final, TypeVar

import psycopg
import sqlalchemy as sa
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus
from psycopg.waiting import Ready, Wait

_T = TypeVar("_T")

#: how long an answer is waited for before it is asked whether there is anybody
ANSWER_S: Final = 10.0
#: no statement of ours takes so long; another process of the server's may answer, and this not
_MOST_S: Final = 600.0
_INTERVAL_S: Final = 0.1


class Connection(psycopg.Connection[Any]):
    """One that knows how it was made."""

    _answer_s = ANSWER_S
    _made_with: tuple[tuple[Any, ...], dict[str, Any]] = ((), {})

    def wait(
        self, gen: PQGen[_T], interval: float = _INTERVAL_S, timeout: float | None = None
    ) -> _T:
        """See psycopg. Raises OperationalError where no answer will come."""
        return super().wait(self._watched(gen), interval, timeout)

    def _watched(self, gen: PQGen[_T]) -> Generator[Wait, Ready | int, _T]:
        began = heard = time.monotonic()
        ready: Any = None
        while True:
            try:
                wanted = gen.send(ready)
            except StopIteration as end:
                answer: _T = end.value
                return answer
            ready = yield wanted
            now = time.monotonic()
            if ready or self.pgconn.transaction_status != TransactionStatus.ACTIVE:
                heard = now  # nothing is asked by whoever listens for notifications
            elif now - heard >= self._answer_s:
                self._require_server(now - began)
                heard = time.monotonic()

    def _require_server(self, waited_s: float) -> None:
        words, named = self._made_with
        try:
            psycopg.connect(*words, **named).close()
            if waited_s < _MOST_S:
                return
        except psycopg.OperationalError:
            pass
        self.pgconn.finish()
        raise psycopg.OperationalError(f"the server has not answered for {waited_s:.0f} s")


def connect(answer_s: float, *words: Any, **named: Any) -> Connection:
    """A connection as psycopg makes it, that asks after ``answer_s``."""
    made = Connection.connect(*words, **named)
    made._answer_s, made._made_with = min(answer_s, ANSWER_S), (words, named)
    return made


def watch(engine: sa.Engine, answer_s: float = ANSWER_S) -> sa.Engine:
    """The engine, which makes such connections from now on."""

    @sa.event.listens_for(engine, "do_connect")
    def made(_dialect: sa.Dialect, _record: object, words: Any, named: Any) -> Any:
        return connect(answer_s, *words, **named)

    return engine
