"""Tests and variants of tests that take their turns: some with every run, others another day, and
all of them with `make test-all`. Those whose turn it is not are marked slow.

``@pytest.mark.turn(1, 2)`` is on for every second day, the other days are another test's.
``@pytest.mark.rotate(3)`` tries every third of a test's variants, others each day.
LIFEBUOY_TEST_DAY (days since 1 January of the year 1) repeats a day.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

import pytest

T = TypeVar("T")


def day() -> int:
    """The day that tests/conftest.py has fixed for this run."""
    return int(os.environ["LIFEBUOY_TEST_DAY"])


def todays(variants: Sequence[T], share: int, day: int) -> Sequence[T]:
    """Every ``share``-th, at least one. Pure."""
    return variants[day % min(share, len(variants)) :: share]


def mark(items: Sequence[pytest.Item]) -> None:
    """Mark those slow whose turn it is not."""
    variants: dict[tuple[str, int], list[pytest.Item]] = {}
    for item in items:
        turn, rotate = item.get_closest_marker("turn"), item.get_closest_marker("rotate")
        if turn is not None and day() % turn.args[1] != turn.args[0]:
            item.add_marker("slow")
        elif rotate is not None and item.get_closest_marker("slow") is None:
            name = item.nodeid.partition("[")[0]
            variants.setdefault((name, rotate.args[0]), []).append(item)
    for (_, share), those in variants.items():
        chosen = todays(those, share, day())
        for item in those:
            if item not in chosen:
                item.add_marker("slow")
