"""Times as they stand in the tables: ISO 8601, UTC, with the milliseconds that order them."""

from __future__ import annotations

from datetime import UTC, datetime


def stamp(moment: datetime) -> str:
    """An aware time, such as 2026-01-31T12:00:00.000Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def moment(text: str) -> datetime:
    """The time that a table holds."""
    return datetime.fromisoformat(text)
