"""Variants of one test that take their turns: one of them with every run, another one every day,
and all of them with `make test-all`.

LIFEBUOY_TEST_DAY (days since 1 January of the year 1) repeats a day.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

import pytest
from _pytest.mark import ParameterSet

T = TypeVar("T")


def day() -> int:
    """The day that tests/conftest.py has fixed for this run."""
    return int(os.environ["LIFEBUOY_TEST_DAY"])


def todays(items: Sequence[T], share: int) -> Sequence[T]:
    """Every ``share``-th of them, others each day; the first where there are fewer. Pure but for
    the day."""
    return items[day() % min(share, len(items)) :: share]


def rotating(
    items: Sequence[object], share: int | None = None, ids: Sequence[str] | None = None
) -> list[ParameterSet]:
    """Parameters of a test: today's as they are, one in ``share`` of them (one of all, where that
    is not said); the others marked slow."""
    chosen = todays(range(len(items)), share or len(items))
    return [
        pytest.param(
            item,
            marks=() if number in chosen else pytest.mark.slow,
            id=ids[number] if ids else str(item),
        )
        for number, item in enumerate(items)
    ]
