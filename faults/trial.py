"""One fault tried: the world put back, the fault, a way to go on, and what holds afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from faults import boundary, invariants
from faults.observation import Facts
from faults.process import Ended
from faults.scenario import EXIT, STOP, Reached, Scenario, Way
from faults.world import World


@dataclass(frozen=True, slots=True)
class Trial:
    """What was tried and what was found. ``broken`` is empty if it was survived; ``reached``:
    whether the fault came at all."""

    scenario: str
    fault: str
    way: str
    seconds: float
    reached: bool = True
    broken: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Bench:
    """A scenario prepared, and how it goes without a fault."""

    world: World
    scenario: Scenario
    origin: Facts
    before: Facts
    asked: Facts
    twice: Facts
    boundaries: tuple[str, ...]
    statuses: frozenset[int]
    seconds: float

    def put_back(self) -> None:
        """The world as it is before the operation."""
        self.world.put_back("prepared")
        for words in self.scenario.live:
            self.world.must(*words)

    def allowed(self, way: Way) -> list[Facts]:
        """Where the instance may be after that way."""
        found = [self.before] if Reached.BEFORE in way.allowed else []
        if Reached.ASKED in way.allowed:
            found += [self.asked, self.twice]
        return found

    def go_on(self, fault: str, way: Way, began: float) -> Trial:
        """Go on that way after the fault, look, and bring the instance back to its origin."""
        ends = [self.world.call(*words) for words in way.commands]
        found = _ill(ends)
        now = self.world.facts()
        found += invariants.broken(now, self.allowed(way), self.origin)
        found += closed(self.world, now, self.origin)
        return Trial(
            self.scenario.name, fault, way.name, time.monotonic() - began, broken=tuple(found)
        )


def prepare(world: World, scenario: Scenario) -> Bench:
    """Go through a scenario without a fault, and note all boundaries."""
    world.put_back()
    origin = world.facts()
    scenario.prepare(world)
    world.keep("prepared")
    scenario = scenario.filled(world.facts().point_ids)
    for words in scenario.live:
        world.must(*words)
    before = world.facts()
    notes = world.folder / "boundaries"
    notes.unlink(missing_ok=True)
    ended = world.call(*scenario.words, before=lambda: listen(world, boundary.notes(notes)))
    if ended.status != 0:
        raise AssertionError(f"{scenario.name} fails without a fault: {ended.err[-900:]}")
    asked = world.facts()
    again = world.call(*scenario.words)
    twice = world.facts()
    return Bench(
        world,
        scenario,
        origin,
        before,
        asked,
        twice,
        tuple(dict.fromkeys(notes.read_text().splitlines())),
        frozenset({0, again.status}),
        ended.seconds,
    )


def listen(world: World, heard: boundary.Heard) -> None:
    """In a process of the user: hear its boundaries."""
    boundary.Ear(heard, world.home).listen()


def closed(world: World, now: Facts, origin: Facts) -> list[str]:
    """Bring the instance to where it was at the very beginning; what does not hold then.

    That these operations work is an invariant of its own.
    """
    commands = [EXIT] if now.shape.stay else []
    ends = [world.call(*words) for words in commands]
    seen = world.facts() if commands else now
    if seen.shape.running:
        ends.append(world.call(*STOP))
    ends += [world.call("backup", "delete", id_, "--yes") for id_ in seen.point_ids]
    troubles = [f"afterwards {words}" for words in _ill(ends)]
    troubles += [f"afterwards status {one.status}: {one.err[-200:]}" for one in ends if one.status]
    end = world.facts()
    wanted = _with_contents(origin, now)
    return troubles + [f"at the end {words}" for words in invariants.broken(end, [wanted], origin)]


def _with_contents(origin: Facts, now: Facts) -> Facts:
    from dataclasses import replace

    shape = replace(origin.shape, contents=now.shape.contents, variables=now.shape.variables)
    return replace(origin, shape=shape)


_MACHINE_FAILED: Final = frozenset({70})


def _ill(ends: list[Ended]) -> list[str]:
    """Commands that hung, crashed or died; that one refuses is an answer."""
    return [
        f"a command ended with {end.status}: {end.err.strip()[-300:]}"
        for end in ends
        if end.status < 0 or end.status in _MACHINE_FAILED
    ]


Fault = Callable[[Bench], bool]


def killed_at(bench: Bench, name: str) -> bool:
    """Run the operation and kill it at that boundary; False if it did not come there."""
    act = partial(listen, bench.world, boundary.dies_at(name))
    return bench.world.call(*bench.scenario.words, before=act).killed


def attempt(bench: Bench, label: str, fault: Fault, way: Way) -> Trial:
    """One trial."""
    began = time.monotonic()
    bench.put_back()
    if not fault(bench):
        seconds = time.monotonic() - began
        return Trial(bench.scenario.name, label, way.name, seconds, reached=False)
    return bench.go_on(label, way, began)
