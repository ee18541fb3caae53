"""The worlds that faults are tried in, and the kinds of faults that belong to each."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Final

from faults import cases, disturbance, postgres, remote, world
from faults.cases import Cases
from faults.scenario import Scenario, scenarios
from faults.world import World

_EVERY: Final = 12
_SELDOM: Final = 24  # where a trial takes longer
#: what is tried everywhere; the others differ in what they do to disks only
_MAIN: Final = frozenset(
    {
        *("enter, stopped", "enter, running", "exit, running before", "start", "stop"),
        *("backup create, second", "backup create --copy", "backup restore"),
        *("backup delete, older of two", "backup delete, running"),
    }
)


@dataclass(frozen=True, slots=True)
class Group:
    """A kind of faults; each strikes at one boundary of ``every``."""

    name: str
    cases: Cases
    every: int = 1


@dataclass(frozen=True, slots=True)
class Stage:
    """A world and what is tried in it; ``lacks`` says why it cannot be made here."""

    groups: tuple[Group, ...]
    made: Callable[[], AbstractContextManager[World]]
    scenarios: tuple[Scenario, ...]
    lacks: str = ""


def names() -> list[str]:
    """Of the kinds of faults."""
    return [group.name for one in stages() for group in one.groups]


def stages() -> tuple[Stage, ...]:
    """All of them."""
    main = tuple(one for one in scenarios() if one.name in _MAIN)
    return (
        Stage(
            (
                Group("kill", cases.kills),
                Group("instant", cases.instants),
                Group("disturbance", _around(), every=_EVERY),
            ),
            world.made,
            scenarios(),
        ),
        Stage(
            (Group("postgresql", _on_postgres(), every=_SELDOM),),
            postgres.made,
            main,
            postgres.lacks(),
        ),
        Stage(
            (
                Group("libvirtd", _without_daemon(), every=_SELDOM),
                Group("ssh", _by_ssh(), every=_SELDOM),
            ),
            remote.made,
            main,
            remote.lacks(),
        ),
    )


def _around() -> Cases:
    return partial(cases.struck, by=disturbance.disturbances())


def _on_postgres() -> Cases:
    by = postgres.disturbances()
    return partial(cases.killed_or_struck, where=", record in PostgreSQL", by=by)


def _without_daemon() -> Cases:
    return partial(cases.struck, by=remote.of_daemon())


def _by_ssh() -> Cases:
    by = remote.of_connection()
    return partial(cases.killed_or_struck, where=", host reached by SSH", by=by)
