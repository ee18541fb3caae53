"""Pages of the audit log, the newest lines first. Needs the database, but no host."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from lifebuoy.errors import BadInput
from lifebuoy.operations import cursor
from lifebuoy.store import Database, audit
from lifebuoy.store.audit import Entry, Query


@dataclass(frozen=True, slots=True)
class Page:
    """Some lines; ``next`` is the cursor of the next page, empty on the last."""

    entries: tuple[Entry, ...]
    next: str


def page(database: Database, query: Query, after: str = "") -> Page:
    """The page that is asked for; ``after`` is the cursor of the page before.

    Raises:
        BadInput: the cursor is none.
    """
    wanted = replace(query, limit=query.limit + 1)
    if after:
        (number,) = cursor.read(after, 1)
        wanted = replace(wanted, before=_number(number))
    with database.reading() as connection:
        found = audit.latest(connection, wanted)
    shown = found[: query.limit]
    more = len(found) > len(shown)
    return Page(
        tuple(entry for _, entry in shown), cursor.written(str(shown[-1][0])) if more else ""
    )


def time_of(text: str) -> str:
    """A time as the log has it, in UTC, from ISO 8601; empty for none.

    Raises:
        BadInput: it is none.
    """
    if not text:
        return ""
    try:
        given = datetime.fromisoformat(text)
        zoned = given.replace(tzinfo=UTC) if given.tzinfo is None else given.astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadInput(
            f"'{text}' is no time", hint="for example 2026-01-31 or 2026-01-31T12:00:00Z"
        ) from None
    return zoned.strftime("%Y-%m-%dT%H:%M:%S")


def _number(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise BadInput("the cursor is of no such list", hint="begin anew, without a cursor")
    return int(text)
