"""Verifications in a process that lives on: how many at a time, and what becomes of one."""

from __future__ import annotations

import pytest

from lifebuoy.errors import Busy
from lifebuoy.hypervisor import Host
from lifebuoy.operations.verifying import Verifications, Verifying
from tests.libvirt.command import until

NONE = "0123abcd"


def test_no_more_than_so_many_read_at_a_time(test_driver: Host) -> None:
    verifications = Verifications(most_at_a_time=0)
    with pytest.raises(Busy, match="being verified"):
        verifications.begin(test_driver, NONE)
    assert verifications.latest(test_driver, NONE) == Verifying()


def test_one_that_comes_to_nothing_says_why_and_can_be_begun_again(test_driver: Host) -> None:
    verifications = Verifications(most_at_a_time=1)
    for _ in range(3):
        assert verifications.begin(test_driver, NONE).began
        assert until(lambda: not verifications.latest(test_driver, NONE).began)
        found = verifications.latest(test_driver, NONE)
        assert found.found is None and found.made == ""
        assert found.error is not None and found.error.code == "backup-point-not-found"
