"""Which of many hosts has the backup point whose id begins as typed: pure."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from lifebuoy.cli.backup_point import chosen
from lifebuoy.errors import AmbiguousInstance, HostSilent, PointNotFound
from lifebuoy.hosts.fleet import Answer
from lifebuoy.hosts.place import Place


def answers(**ids: list[str] | None) -> list[Answer[Sequence[str]]]:
    """One for each host; None for one that does not answer."""
    return [
        Answer(Place(name, ""), found, None if found is not None else HostSilent("x"), 0.0)
        for name, found in ids.items()
    ]


def test_the_host_that_has_it_is_found() -> None:
    assert chosen("3f9", answers(one=["aaaa", "3f9a"], two=["bbbb"])) == "one"


def test_what_two_hosts_may_mean_is_refused_with_what_to_type() -> None:
    with pytest.raises(AmbiguousInstance) as caught:
        chosen("3f9", answers(one=["3f9a"], two=["3f9b"]))
    assert caught.value.hint == "say which one: one/3f9a or two/3f9b"


def test_two_of_one_host_are_told_apart_too() -> None:
    with pytest.raises(AmbiguousInstance, match="which"):
        chosen("3f9", answers(one=["3f9a", "3f9b"], two=[]))


def test_a_silent_host_may_have_one_that_begins_so_but_not_the_same() -> None:
    with pytest.raises(AmbiguousInstance, match="two did not answer") as caught:
        chosen("3f9", answers(one=["3f9a"], two=None))
    assert "one/3f9a" in caught.value.hint
    assert chosen("3f9a", answers(one=["3f9a"], two=None)) == "one"


def test_what_nobody_has_is_not_found_and_silent_hosts_are_named() -> None:
    with pytest.raises(PointNotFound, match="two did not answer"):
        chosen("3f9", answers(one=["aaaa"], two=None))
