"""What is asked for when the fault comes, from where, and in which ways it is gone on with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from faults import machine
from faults.world import World

NAME: Final = machine.NAME
Words = tuple[str, ...]


class Reached(StrEnum):
    """Where an instance may be afterwards."""

    ASKED = "as asked for"
    BEFORE = "as before"
    STOPPED = "either, but not running"


@dataclass(frozen=True, slots=True)
class Way:
    """What is done after the fault. ``allowed`` is where the instance may be then."""

    name: str
    commands: tuple[Words, ...]
    allowed: frozenset[Reached]


@dataclass(frozen=True, slots=True)
class Scenario:
    """An operation. ``prepare`` makes what is there before, without a running machine; ``live``
    are commands right before; in ``words`` and ``ways`` "{0}" is the id of the first backup point.
    """

    name: str
    words: Words
    prepare: Callable[[World], None] = lambda world: None
    live: tuple[Words, ...] = ()
    others: tuple[Way, ...] = field(default=())

    @property
    def ways(self) -> tuple[Way, ...]:
        """Asked again, gone on with by another process, and what else there is."""
        again = Way("asked again", (self.words,), frozenset({Reached.ASKED}))
        return (again, RESUMED, *self.others)

    def filled(self, ids: tuple[str, ...]) -> Scenario:
        """The same with the ids of its points."""
        ways = tuple(
            replace(way, commands=tuple(_filled(one, ids) for one in way.commands))
            for way in self.others
        )
        return replace(self, words=_filled(self.words, ids), others=ways)


def _filled(words: Words, ids: tuple[str, ...]) -> Words:
    return tuple(word.format(*ids) for word in words)


START: Final = ("start", NAME)
STOP: Final = ("stop", NAME, "--stop", "hard", "--consent-force")
ENTER: Final = ("rescue", "enter", NAME, "--password-stdin", "--timeout", "0.2")
FORCED: Final = (*ENTER, "--stop", "hard", "--consent-force")
EXIT: Final = ("rescue", "exit", NAME, "--force", "--watch", "0")
CREATE: Final = ("backup", "create", NAME)
COPY: Final = ("backup", "create", NAME, "--copy")
TIDY: Final = ("backup", "tidy", NAME)
BACK: Final = frozenset({Reached.BEFORE})


#: After a disturbance: the operation has ended by itself, or was let go of.
RESUMED: Final = Way(
    "resumed", (("operations", "resume"),), frozenset({Reached.ASKED, Reached.BEFORE})
)
CRASHED: Final = replace(RESUMED, allowed=RESUMED.allowed | {Reached.STOPPED})


def _points(*patterns: int) -> Callable[[World], None]:
    """A backup point for each pattern, which is then written to the disks and the variables."""

    def prepare(world: World) -> None:
        for pattern in patterns:
            world.must(*CREATE)
            world.write(pattern)

    return prepare


def _restored(world: World) -> None:
    _points(2)(world)
    (point,) = world.facts().point_ids
    world.must("backup", "restore", point)
    world.write(3)


def _copied(world: World) -> None:
    world.must(*COPY)
    world.write(2)


def scenarios() -> tuple[Scenario, ...]:
    """All of them."""
    left = Way("left instead", (EXIT,), BACK)
    delete = ("backup", "delete", "{0}", "--yes")
    return (
        Scenario("enter, stopped", ENTER, others=(left,)),
        Scenario("enter, running", FORCED, live=(START,), others=(left,)),
        Scenario("exit, stopped before", EXIT, live=(ENTER,)),
        Scenario("exit, running before", EXIT, live=(START, FORCED)),
        Scenario("start", START),
        Scenario("stop", STOP, live=(START,)),
        Scenario("reboot", ("reboot", NAME), live=(START,)),
        Scenario("backup create", CREATE),
        Scenario("backup create, second", CREATE, _points(2)),
        Scenario("backup create --keep 1", (*CREATE, "--keep", "1"), _points(2)),
        Scenario("backup create --copy", COPY),
        Scenario("backup create --copy, running", (*COPY, "--no-freeze"), live=(START,)),
        Scenario("backup restore", ("backup", "restore", "{0}"), _points(2)),
        Scenario("backup restore, older", ("backup", "restore", "{0}"), _points(2, 3)),
        Scenario("backup restore, copy", ("backup", "restore", "{0}"), _copied),
        Scenario("backup undo", ("backup", "undo", NAME), _restored),
        Scenario("backup delete, last", delete, _points(2)),
        Scenario("backup delete, older of two", delete, _points(2, 3)),
        Scenario("backup delete, restored to", delete, _restored),
        Scenario("backup delete, running", delete, _points(2), live=(START,)),
        Scenario("backup delete, copy", delete, _copied),
    )
