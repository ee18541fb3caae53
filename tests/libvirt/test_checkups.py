"""Self-checks in a process that lives on: how many at a time, and in which state."""

from __future__ import annotations

from pathlib import Path

import pytest

from lifebuoy.errors import Busy, NotAllowed
from lifebuoy.hypervisor import Host
from lifebuoy.image import Catalogue
from lifebuoy.operations.checkups import Checkups
from lifebuoy.operations.context import Context


@pytest.fixture
def context(test_driver: Host, tmp_path: Path) -> Context:
    return Context(test_driver, Catalogue(tmp_path), tmp_path)


def test_few_look_at_a_time_and_one_at_an_instance(context: Context) -> None:
    """Each holds a thread for as long as a rescue system likes, which nobody vouches for."""
    checkups = Checkups(most_at_a_time=2)
    with checkups.looking(context, "a"):
        with pytest.raises(Busy, match="already"), checkups.looking(context, "a"):
            raise AssertionError
        second, third = checkups.looking(context, "b"), checkups.looking(context, "c")
        with second, pytest.raises(Busy, match="2 instances"), third:
            raise AssertionError
    with checkups.looking(context, "a"), checkups.looking(context, "c"):
        pass


def test_room_is_given_back_when_a_look_fails(context: Context) -> None:
    checkups = Checkups(most_at_a_time=1)
    for _ in range(3):
        with pytest.raises(NotAllowed), checkups.looking(context, "a"):
            raise NotAllowed("it failed")


def test_outside_rescue_mode_none_begins_and_none_is_kept(context: Context) -> None:
    checkups = Checkups()
    uuid = context.host.domain("test").uuid
    with pytest.raises(NotAllowed, match="enter rescue mode first"):
        checkups.begin(context, uuid)
    assert checkups.latest(context, uuid) is None
