"""One fault tried: the world put back, the fault, a way to go on, and what holds afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from faults import boundary, invariants
from faults.disturbance import Disturbance, be_impatient
from faults.observation import Facts
from faults.process import Ended
from faults.scenario import EXIT, STOP, TIDY, Reached, Scenario, Way
from faults.world import NotPrepared, World


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
        if Reached.STOPPED in way.allowed:
            found += [_stopped(one) for one in found]
        return found

    def go_on(self, way: Way) -> list[str]:
        """Go on that way after the fault, look, and bring the instance back to its origin; what
        does not hold."""
        ends = [self.world.call(*words) for words in way.commands]
        now = self.world.facts()
        if now.untidy:  # as ``backup list`` tells the user to
            ends.append(self.world.call(*TIDY))
            now = self.world.facts()
        found = _ill(ends) + invariants.broken(now, self.allowed(way), self.origin)
        return found + closed(self.world, now, self.origin)


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
        raise NotPrepared(f"{scenario.name} fails without a fault: {ended.err[-900:]}")
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


def _stopped(facts: Facts) -> Facts:
    return replace(facts, shape=replace(facts.shape, running=""))


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
    troubles += [f"at the end the pool {name} is left" for name in end.pools]
    wanted = _with_contents(origin, now)
    return troubles + [f"at the end {words}" for words in invariants.broken(end, [wanted], origin)]


def _with_contents(origin: Facts, now: Facts) -> Facts:
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


NOT_PUT_BACK: Final = "NOT everything could be put back"
Fault = Callable[[Bench], bool]


def killed_at(bench: Bench, name: str) -> bool:
    """Run the operation and kill it at that boundary; False if it did not come there."""
    act = partial(listen, bench.world, boundary.dies_at(name))
    return bench.world.call(*bench.scenario.words, before=act).killed


def killed_after(bench: Bench, part: float) -> bool:
    """Run the operation and kill it from outside after that part of the time that it takes."""
    started = bench.world.start(*bench.scenario.words)
    ended = started.wait(part * bench.seconds)
    return ended is None and started.kill().killed


def struck(bench: Bench, disturbance: Disturbance, name: str = "") -> bool:
    """Run the operation, struck at that boundary (at its start without one); it ends by itself."""
    world, told = bench.world, bench.world.folder / "struck"
    told.unlink(missing_ok=True)

    def strike() -> None:
        told.touch()
        disturbance.strike(world)

    def heard(boundary_: str) -> None:
        if boundary_ == name and not told.exists():
            strike()

    def before() -> None:
        be_impatient()
        listen(world, heard)

    if not name:
        strike()
    ended = world.call(*bench.scenario.words, before=before)
    world.said = ended.err
    disturbance.relieve(world)
    if (found := _ill([ended])) and not (ended.killed and disturbance.ends_process):
        raise Unfit(found[0])
    return told.exists()


class Unfit(Exception):
    """The operation did not even end by itself."""


def attempt(bench: Bench, label: str, fault: Fault, way: Way) -> Trial:
    """One trial."""
    began = time.monotonic()
    bench.world.said = ""
    reached = True
    broken: list[str] = []
    try:
        bench.put_back()
        try:
            reached = fault(bench)
        except Unfit as error:
            broken.append(str(error))
        if NOT_PUT_BACK in bench.world.said:  # said, so it may be: a full disk lets nothing start
            way = replace(way, allowed=way.allowed | {Reached.STOPPED})
        if reached:
            broken += bench.go_on(way)
    except (NotPrepared, AssertionError) as error:
        broken.append(f"it could not be tried to its end: {error}")
    seconds = time.monotonic() - began
    return Trial(bench.scenario.name, label, way.name, seconds, reached, tuple(broken))
