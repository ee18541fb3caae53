"""Slows down who guesses passwords: after some refused sign-ins each further one must wait longer.

Counted for the name that was typed and for the address that it came from, in the database, so that
neither a restart nor a second server starts anew. The names are kept as hashes: somebody may have
typed a password there.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from lifebuoy.errors import TooManyTries
from lifebuoy.store.tables import sign_ins
from lifebuoy.store.times import moment, stamp

#: So many are free; many people may share an address.
_FREE_NAME: Final = 5
_FREE_ADDRESS: Final = 30
_LONGEST_S: Final = 900
#: Whoever has waited for so long starts anew.
_FORGOTTEN: Final = timedelta(hours=1)


def delay_s(failures: int, free: int) -> int:
    """How long the next one must wait after so many refused in a row: 1, 2, 4 ... 900. Pure."""
    over = failures - free
    return 0 if over < 0 else min(_LONGEST_S, 2 ** min(over, 20))


def begin(connection: sa.Connection, name: str, address: str, now: datetime) -> None:
    """Pass if a sign-in may be tried now, and count it as refused until it is accepted: of many
    that are tried at the same time each sees those before it.

    Raises:
        TooManyTries: says how long to wait; this one is not counted.
    """
    connection.execute(sign_ins.delete().where(sign_ins.c.last < stamp(now - _FORGOTTEN)))
    waits = [_wait_s(connection, subject, free, now) for subject, free in _subjects(name, address)]
    if wait_s := max(waits):
        raise TooManyTries(
            "too many sign-ins were refused",
            hint=f"try again in {wait_s} seconds",
            safe="",
            wait_s=wait_s,
        )
    for subject, _ in _subjects(name, address):
        more = {"failures": sign_ins.c.failures + 1, "last": stamp(now)}
        connection.execute(sign_ins.update().where(sign_ins.c.subject == subject).values(**more))


def accepted(connection: sa.Connection, name: str, address: str) -> None:
    """The name's count starts anew; that of the address is what it was before this one, or one's
    own account would be the way to go on guessing others."""
    connection.execute(sign_ins.delete().where(sign_ins.c.subject == _subject("name", name)))
    there = sign_ins.c.subject == _subject("address", address)
    connection.execute(sign_ins.update().where(there).values(failures=sign_ins.c.failures - 1))


def _wait_s(connection: sa.Connection, subject: str, free: int, now: datetime) -> int:
    """How long it must wait. Its row is there then, and is this transaction's until its end."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    fresh = dialect.insert(sign_ins).values(subject=subject, failures=0, last=stamp(now))
    query = sa.select(sign_ins).where(sign_ins.c.subject == subject).with_for_update()
    row = None
    while row is None:  # another who is accepted may remove it in between
        connection.execute(fresh.on_conflict_do_nothing())
        row = connection.execute(query).one_or_none()
    passed_s = max(0.0, (now - moment(row.last)).total_seconds())  # another server's clock
    left_s = delay_s(row.failures, free) - passed_s
    return int(left_s) + 1 if left_s > 0 else 0


def _subjects(name: str, address: str) -> tuple[tuple[str, int], tuple[str, int]]:
    return (_subject("name", name), _FREE_NAME), (_subject("address", address), _FREE_ADDRESS)


def _subject(kind: str, value: str) -> str:
    return hashlib.sha256(f"{kind} {value}".encode("utf-8", "surrogateescape")).hexdigest()
