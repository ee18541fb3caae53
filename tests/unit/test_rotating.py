"""Tests that take their turns: none is left out for good."""

from __future__ import annotations

import pytest

from tests import rotating


@pytest.mark.parametrize("variants", [1, 2, 3, 7, 20])
@pytest.mark.parametrize("share", [1, 2, 3, 6])
def test_every_day_has_some_and_as_many_days_as_the_share_have_all(
    variants: int, share: int
) -> None:
    days = [rotating.todays(range(variants), share, day) for day in range(share)]
    assert all(len(one) >= variants // share and one for one in days)
    assert sorted({variant for one in days for variant in one}) == list(range(variants))
