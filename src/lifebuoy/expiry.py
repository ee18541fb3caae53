"""Until when an instance may be used (续费): dates, how near they are, and what follows. Pure.

An instance has no expiry date until somebody gives it one. Past it, starting may be refused;
nothing else is, and nothing is ever stopped or deleted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Final

from lifebuoy.errors import BadInput, Expired

NOTICE_DAYS: Final = 14
#: Further ahead a date is a slip of the keyboard.
DAYS_MAX: Final = 36_500
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")
_EXAMPLE: Final = "for example 2030-12-31, which is the end of that day (UTC), or 2030-12-31T18:00Z"
#: A date is worth until its last second.
_DAYS_END: Final = time(23, 59, 59, tzinfo=UTC)


class Expiry(StrEnum):
    """How near the end is."""

    NONE = "none"  # no date is set
    VALID = "valid"
    SOON = "soon"  # the owner is told ahead
    PAST = "past"


@dataclass(frozen=True, slots=True)
class ExpiryRules:
    """``notice_days`` is how long ahead owners are told; ``refuses_start`` whether an instance past
    its date may not be started; ``owners_renew`` whether owners may move the dates of theirs."""

    notice_days: int = NOTICE_DAYS
    refuses_start: bool = True
    owners_renew: bool = False


USUAL: Final = ExpiryRules()


@dataclass(frozen=True, slots=True)
class RenewRequest:
    """One of the three: ``until`` a date or a time with its zone, ``days`` more, or ``clear``."""

    until: str = ""
    days: int = 0
    clear: bool = False

    def __post_init__(self) -> None:
        if bool(self.until) + bool(self.days) + self.clear != 1:
            raise BadInput(
                "say until when", hint="one of: a date, a number of days more, or no date any more"
            )

    def end(self, current: str, now: datetime) -> str:
        """The new end, as ``text`` has it; empty for none. ``current`` is the one before.

        Days count from ``current``, or from today where there is none or it is over.

        Raises:
            BadInput: not a date or a time with its zone, or over already, or too far ahead.
        """
        if self.clear:
            return ""
        if self.until:
            return text(_checked(parse(self.until), now))
        if not 1 <= self.days <= DAYS_MAX:
            raise BadInput(f"days are 1 to {DAYS_MAX}")
        today = datetime.combine(now.astimezone(UTC).date(), _DAYS_END)
        begin = moment(current) if current and not is_over(current, now) else today
        return text(_checked(begin + timedelta(days=self.days), now))


def parse(words: str) -> datetime:
    """A date, which stands for its last second in UTC, or a time that says its zone.

    Raises:
        BadInput: neither.
    """
    try:
        if _DATE.fullmatch(words):
            return datetime.combine(date.fromisoformat(words), _DAYS_END)
        found = datetime.fromisoformat(words)
        if found.tzinfo is None:
            raise BadInput("that time does not say in which zone it is", hint=_EXAMPLE)
        return found.astimezone(UTC).replace(microsecond=0)
    except (ValueError, OverflowError):
        raise BadInput("that is no date", hint=_EXAMPLE) from None


def text(end: datetime) -> str:
    """Such as 2030-12-31T23:59:59Z."""
    return end.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(end: str) -> datetime:
    """What ``text`` has written."""
    return datetime.fromisoformat(end)


def is_over(end: str, now: datetime) -> bool:
    """Whether that second is over."""
    return now >= moment(end) + timedelta(seconds=1)


def judge(end: str, now: datetime, notice_days: int) -> Expiry:
    """How near ``end`` is; empty for none."""
    if not end:
        return Expiry.NONE
    if is_over(end, now):
        return Expiry.PAST
    return Expiry.SOON if moment(end) - now <= timedelta(days=notice_days) else Expiry.VALID


def require_startable(end: str, name: str, now: datetime, rules: ExpiryRules) -> None:
    """Pass if an instance with that end may be started.

    Raises:
        Expired: its time is over.
    """
    if rules.refuses_start and judge(end, now, rules.notice_days) is Expiry.PAST:
        raise Expired(
            f"'{name}' cannot be started: its time is over since {end}",
            hint=f"have it renewed: lifebuoy renew {name} --days 30. Rescue mode can be entered "
            "and left all the same",
        )


def _checked(end: datetime, now: datetime) -> datetime:
    if is_over(text(end), now):
        raise BadInput("that is over already", hint=_EXAMPLE)
    if end - now > timedelta(days=DAYS_MAX + 1):
        raise BadInput(f"that is more than {DAYS_MAX} days ahead", hint=_EXAMPLE)
    return end
