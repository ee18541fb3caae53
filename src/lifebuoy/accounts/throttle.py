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


def check(connection: sa.Connection, name: str, address: str, now: datetime) -> None:
    """Pass if a sign-in may be tried now.

    Raises:
        TooManyTries: says how long to wait.
    """
    waits = [_wait_s(connection, subject, free, now) for subject, free in _subjects(name, address)]
    if max(waits) > 0:
        raise TooManyTries(max(waits))


def refused(connection: sa.Connection, name: str, address: str, now: datetime) -> None:
    """One more was refused."""
    forgotten = stamp(now - _FORGOTTEN)
    connection.execute(sign_ins.delete().where(sign_ins.c.last < forgotten))
    for subject, _ in _subjects(name, address):
        key = sign_ins.c.subject == subject
        more = {"failures": sign_ins.c.failures + 1, "last": stamp(now)}
        if connection.execute(sign_ins.update().where(key).values(**more)).rowcount == 0:
            connection.execute(
                sign_ins.insert().values(subject=subject, failures=1, last=stamp(now))
            )


def accepted(connection: sa.Connection, name: str) -> None:
    """The name's count starts anew; that of the address does not, or one's own account would be
    the way to go on guessing others."""
    connection.execute(sign_ins.delete().where(sign_ins.c.subject == _subject("name", name)))


def _wait_s(connection: sa.Connection, subject: str, free: int, now: datetime) -> int:
    row = connection.execute(sa.select(sign_ins).where(sign_ins.c.subject == subject)).one_or_none()
    if row is None or now - moment(row.last) > _FORGOTTEN:
        return 0
    passed_s = (now - moment(row.last)).total_seconds()
    left_s = delay_s(row.failures, free) - passed_s
    return int(left_s) + 1 if left_s > 0 else 0


def _subjects(name: str, address: str) -> tuple[tuple[str, int], tuple[str, int]]:
    return (_subject("name", name), _FREE_NAME), (_subject("address", address), _FREE_ADDRESS)


def _subject(kind: str, value: str) -> str:
    return hashlib.sha256(f"{kind} {value}".encode("utf-8", "surrogateescape")).hexdigest()
