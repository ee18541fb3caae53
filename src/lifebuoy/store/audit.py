"""The audit log: who did what, when, on which instance, and how it ended. Rows are only added."""

from __future__ import annotations

from collections.abc import Collection, Iterator
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
        query = query.where(_about(instance))
    for row in connection.execution_options(yield_per=500).execute(query):
        yield _entry(row)


@dataclass(frozen=True, slots=True)
class Query:
    """Which lines are wanted; empty and None: any. Times are as they are in the lines.

    ``instance`` is a name or UUID; ``instances`` are those that the asker sees, by host and UUID.
    ``before`` is the number of the last line that was shown.
    """

    since: str = ""
    until: str = ""
    instance: str = ""
    host: str = ""
    who: str = ""
    event: Happening | None = None
    operation: str = ""
    instances: Collection[tuple[str, str]] | None = None
    before: int | None = None
    limit: int = 100


def latest(connection: sa.Connection, wanted: Query) -> list[tuple[int, Entry]]:
    """Lines with their numbers, the newest first."""
    query = sa.select(audit).order_by(audit.c.id.desc()).limit(wanted.limit)
    if wanted.since:
        query = query.where(audit.c.time >= wanted.since)
    if wanted.until:
        query = query.where(audit.c.time < wanted.until)
    if wanted.instance:
        query = query.where(_about(wanted.instance))
    for column, value in (
        (audit.c.host, wanted.host),
        (audit.c.who, wanted.who),
        (audit.c.event, wanted.event.value if wanted.event else ""),
        (audit.c.operation, wanted.operation),
    ):
        if value:
            query = query.where(column == value)
    if wanted.instances is not None:
        both = sa.tuple_(audit.c.host, audit.c.instance)
        query = query.where(both.in_(list(wanted.instances)))
    if wanted.before is not None:
        query = query.where(audit.c.id < wanted.before)
    return [(row.id, _entry(row)) for row in connection.execute(query)]


def _about(instance: str) -> sa.ColumnElement[bool]:
    return sa.or_(audit.c.instance == instance, audit.c.name == instance)


def _entry(row: sa.Row[tuple[object, ...]]) -> Entry:
    return Entry(
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
