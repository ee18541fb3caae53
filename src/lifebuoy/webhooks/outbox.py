"""What webhooks are to be told, on record: lines of the audit log, each until it was delivered.

The audit log itself is the list of what happened, written in the transaction of what it tells of,
by whichever process. So nothing is missed when a process is killed, and who asks for something
need not know that there are webhooks.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from lifebuoy.store import Database
from lifebuoy.store.audit import Entry
from lifebuoy.store.tables import Happening, audit, webhook_deliveries, webhook_places
from lifebuoy.store.times import stamp
from lifebuoy.webhooks.model import TYPES

_AT_A_TIME: Final = 100
#: A line may be seen only after one with a later number: transactions end in any order. After this
#: none comes any more.
_LATE: Final = timedelta(minutes=10)
_ID_BYTES: Final = 16
#: Whose try it is; when it is over by this without an answer on record, whoever made it is dead.
LEASE: Final = timedelta(seconds=15)
_places, _deliveries = webhook_places, webhook_deliveries


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message for a webhook. ``attempts`` counts the tries, this one too."""

    hook: str
    line: int
    id: str
    attempts: int
    entry: Entry


def gather(database: Database, hook: str, now: datetime) -> None:
    """Write down what has happened and is not yet to be told. A new webhook is told of what
    happens from now on."""
    try:
        with database.reading() as connection:
            low = _low(connection, hook)
            found = [] if low is None else _untold(connection, hook, low)
            settled = None if low is None else _settled(connection, low, now)
        if low is not None and not found and settled is None:
            return
        with database.writing() as connection:
            if low is None:
                last = connection.execute(sa.select(sa.func.max(audit.c.id))).scalar() or 0
                connection.execute(_places.insert().values(hook=hook, low=last))
                return
            for line in found:
                connection.execute(_deliveries.insert().values(**_fresh(hook, line, now)))
            if settled is not None and len(found) < _AT_A_TIME:
                connection.execute(
                    _places.update().where(_places.c.hook == hook).values(low=settled)
                )
                over = (_deliveries.c.hook == hook) & (_deliveries.c.line <= settled)
                connection.execute(_deliveries.delete().where(over, _deliveries.c.due == ""))
    except IntegrityError:
        return  # another process has just done it


def take(database: Database, hook: str, now: datetime) -> Delivery | None:
    """The first message that is due, for this process to try now; None if there is none."""
    with database.reading() as connection:
        query = sa.select(_deliveries, audit).join(audit, audit.c.id == _deliveries.c.line)
        query = query.where(_deliveries.c.hook == hook, _deliveries.c.due != "")
        query = query.where(_deliveries.c.due <= stamp(now)).order_by(_deliveries.c.line)
        row = connection.execute(query.limit(1)).mappings().one_or_none()
    if row is None:
        return None
    values = {"due": stamp(now + LEASE), "attempts": _deliveries.c.attempts + 1}
    with database.writing() as connection:
        this = _this(hook, row[_deliveries.c.line]) & (_deliveries.c.due == row["due"])
        if connection.execute(_deliveries.update().where(this).values(**values)).rowcount == 0:
            return None
    entry = Entry(
        time=row["time"],
        who=row["who"],
        event=Happening(row["event"]),
        kind=row["kind"],
        host=row["host"],
        instance=row["instance"],
        name=row["name"],
        operation=row["operation"],
        outcome=row["outcome"],
        code=row["code"],
        detail=row["detail"],
    )
    line, id_ = row[_deliveries.c.line], row[_deliveries.c.id]
    return Delivery(hook, line, id_, row["attempts"] + 1, entry)


def settle(database: Database, delivery: Delivery, again: datetime | None) -> None:
    """It was delivered, or given up; or is to be tried ``again`` then."""
    due = "" if again is None else stamp(again)
    this = _this(delivery.hook, delivery.line)
    with database.writing() as connection:
        connection.execute(_deliveries.update().where(this).values(due=due))


def _low(connection: sa.Connection, hook: str) -> int | None:
    """The number of the last line up to which all is to be told or was; None for a new webhook."""
    query = sa.select(_places.c.low).where(_places.c.hook == hook)
    return connection.execute(query).scalar()


def _untold(connection: sa.Connection, hook: str, low: int) -> list[int]:
    known = sa.select(_deliveries.c.line).where(_deliveries.c.hook == hook)
    query = sa.select(audit.c.id).where(audit.c.id > low, audit.c.event.in_(list(TYPES)))
    query = query.where(audit.c.id.not_in(known)).order_by(audit.c.id).limit(_AT_A_TIME)
    return list(connection.execute(query).scalars())


def _settled(connection: sa.Connection, low: int, now: datetime) -> int | None:
    """The number of the last line before which none can appear any more; None if there is none
    after ``low``."""
    query = sa.select(sa.func.max(audit.c.id)).where(audit.c.id > low)
    return connection.execute(query.where(audit.c.time < stamp(now - _LATE))).scalar()


def _fresh(hook: str, line: int, now: datetime) -> dict[str, object]:
    id_ = f"msg_{secrets.token_hex(_ID_BYTES)}"
    return {"hook": hook, "line": line, "id": id_, "due": stamp(now), "attempts": 0}


def _this(hook: str, line: int) -> sa.ColumnElement[bool]:
    return (_deliveries.c.hook == hook) & (_deliveries.c.line == line)
