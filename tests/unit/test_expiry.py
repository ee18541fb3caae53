"""Expiry dates: what counts as one, how near it is, and what follows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from lifebuoy.errors import BadInput, Expired
from lifebuoy.expiry import (
    DAYS_MAX,
    Expiry,
    ExpiryRules,
    RenewRequest,
    judge,
    parse,
    require_startable,
    text,
)

NOW: Final = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("words", "end"),
    [
        ("2026-02-28", "2026-02-28T23:59:59Z"),
        ("2028-02-29", "2028-02-29T23:59:59Z"),
        ("2026-01-31", "2026-01-31T23:59:59Z"),
        ("2026-12-31T18:00Z", "2026-12-31T18:00:00Z"),
        ("2026-12-31T18:00:30.5+08:00", "2026-12-31T10:00:30Z"),
        ("2027-01-01T00:00-05:00", "2027-01-01T05:00:00Z"),
    ],
)
def test_a_date_is_the_end_of_that_day_and_a_time_says_its_zone(words: str, end: str) -> None:
    assert RenewRequest(until=words).end("", NOW) == end


@pytest.mark.parametrize(
    "words",
    [
        *("tomorrow", "2026-02-30", "2026-13-01", "31.12.2026", "2026-12-31T18:00", "20261231"),
        *("2026-01-30", "2026-01-31T11:59Z", "2126-12-31", "9999-12-31T23:59-12:00", "9999"),
    ],
)
def test_a_date_that_cannot_be_is_refused(words: str) -> None:
    with pytest.raises(BadInput) as caught:
        RenewRequest(until=words).end("", NOW)
    assert caught.value.hint


def test_just_one_of_date_days_and_clear_is_asked_for() -> None:
    for wrong in ({}, {"until": "2026-12-31", "days": 1}, {"days": 1, "clear": True}):
        with pytest.raises(BadInput, match="until when"):
            RenewRequest(**wrong)
    with pytest.raises(BadInput, match="days"):
        RenewRequest(days=DAYS_MAX + 1).end("", NOW)
    with pytest.raises(BadInput, match="days"):
        RenewRequest(days=-1).end("", NOW)
    with pytest.raises(BadInput, match="days ahead"):
        RenewRequest(days=DAYS_MAX).end("2030-01-01T00:00:00Z", NOW)


def test_days_count_from_the_end_or_from_today_where_that_is_over() -> None:
    asked = RenewRequest(days=30)
    assert asked.end("", NOW) == "2026-03-02T23:59:59Z"
    assert asked.end("2025-06-01T10:00:00Z", NOW) == "2026-03-02T23:59:59Z"
    assert asked.end("2026-06-01T10:00:00Z", NOW) == "2026-07-01T10:00:00Z"
    assert RenewRequest(clear=True).end("2026-06-01T10:00:00Z", NOW) == ""


def test_the_last_second_still_counts() -> None:
    end = "2026-01-31T23:59:59Z"
    assert judge(end, parse(end) + timedelta(milliseconds=999), 14) is Expiry.SOON
    assert judge(end, parse(end) + timedelta(seconds=1), 14) is Expiry.PAST
    assert judge("", NOW, 14) is Expiry.NONE


def test_it_is_soon_from_the_day_that_the_setting_says() -> None:
    assert judge(text(NOW + timedelta(days=14)), NOW, 14) is Expiry.SOON
    assert judge(text(NOW + timedelta(days=14, seconds=1)), NOW, 14) is Expiry.VALID
    assert judge(text(NOW + timedelta(hours=1)), NOW, 0) is Expiry.VALID


def test_past_its_end_it_is_not_started_unless_told_otherwise() -> None:
    end = text(NOW - timedelta(days=1))
    with pytest.raises(Expired) as caught:
        require_startable(end, "web1", NOW, ExpiryRules())
    assert "lifebuoy renew web1" in caught.value.hint
    require_startable(end, "web1", NOW, ExpiryRules(refuses_start=False))
    require_startable(text(NOW), "web1", NOW, ExpiryRules())
    require_startable("", "web1", NOW, ExpiryRules())
