"""Sizes and ages as people read them. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")
_SPANS: Final = ((86400, "d"), (3600, "h"), (60, "min"))


def size(number: int) -> str:
    """Bytes as people read them."""
    amount = float(number)
    for unit in _UNITS[:-1]:
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} {_UNITS[-1]}"


def age_s(created: str, now: datetime | None = None) -> int:
    """Seconds since a recorded time; 0 for one that is in the future or cannot be read."""
    try:
        then = datetime.fromisoformat(created)
    except ValueError:
        return 0
    return max(0, int(((now or datetime.now(UTC)) - then).total_seconds()))


def age(created: str) -> str:
    """The same in words."""
    seconds = age_s(created)
    for span, unit in _SPANS:
        if seconds >= span:
            return f"{seconds // span} {unit}"
    return f"{seconds} s"
