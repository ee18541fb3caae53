"""The audit log: who did what, when, on which instance, and how it ended. Rows are only added."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from lifebuoy.store.records import Record
from lifebuoy.store.tables import Happening, audit


@dataclass(frozen=True, slots=True)
class Entry:
    """One line. ``operation`` is empty for what no operation did; no field holds a secret."""

    time: str
    who: str
    event: Happening
    kind: str
    host: str
    instance: str
    name: str
    operation: str = ""
    outcome: str = ""
    code: str = ""
    detail: str = ""


def add(connection: sa.Connection, entry: Entry) -> None:
    """Write a line."""
    connection.execute(
        audit.insert().values(
            time=entry.time,
            who=entry.who,
            event=entry.event.value,
            kind=entry.kind,
            host=entry.host,
            instance=entry.instance,
            name=entry.name,
            operation=entry.operation,
            outcome=entry.outcome,
            code=entry.code,
            detail=entry.detail,
        )
    )


def of(
    record: Record,
    event: Happening,
    *,
    time: str,
    who: str = "",
    outcome: str = "",
    code: str = "",
    detail: str = "",
) -> Entry:
    """The line about something that happened to an operation."""
    return Entry(
        time=time,
        who=who or record.who,
        event=event,
        kind=record.kind,
        host=record.host,
        instance=record.instance,
        name=record.name,
        operation=record.id,
        outcome=outcome,
        code=code,
        detail=detail,
    )


def entries(
    connection: sa.Connection, *, since: str = "", instance: str | None = None
) -> Iterator[Entry]:
    """All lines, oldest first; from the time ``since`` on, about one instance (name or UUID)."""
    query = sa.select(audit).order_by(audit.c.id)
    if since:
        query = query.where(audit.c.time >= since)
    if instance is not None:
        query = query.where(sa.or_(audit.c.instance == instance, audit.c.name == instance))
    for row in connection.execution_options(yield_per=500).execute(query):
        yield Entry(
            row.time,
            row.who,
            Happening(row.event),
            row.kind,
            row.host,
            row.instance,
            row.name,
            row.operation,
            row.outcome,
            row.code,
            row.detail,
        )
