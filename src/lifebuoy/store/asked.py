"""Requests that carried an idempotency key: the same again is answered with what it led to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from lifebuoy.store.tables import asked
from lifebuoy.store.times import stamp

_KEPT: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Asked:
    """``request`` is a hash of what was asked, without secrets; ``operation`` what it led to, empty
    for what was done at once."""

    request: str
    operation: str


def find(connection: sa.Connection, account: str, key: str, now: datetime) -> Asked | None:
    """What the account asked with that key within a day; None if nothing."""
    query = sa.select(asked).where(asked.c.account == account, asked.c.key == key)
    row = connection.execute(query.where(asked.c.created > stamp(now - _KEPT))).one_or_none()
    return None if row is None else Asked(row.request, row.operation)


def put(connection: sa.Connection, account: str, key: str, what: Asked, now: datetime) -> None:
    """Remember it for a day.

    Raises:
        IntegrityError: the account has just asked with the same key.
    """
    connection.execute(asked.delete().where(asked.c.created <= stamp(now - _KEPT)))
    connection.execute(
        asked.insert().values(
            account=account,
            key=key,
            request=what.request,
            operation=what.operation,
            created=stamp(now),
        )
    )
