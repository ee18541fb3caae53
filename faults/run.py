"""Goes through scenarios and faults, one after another, and tells how far it is."""

from __future__ import annotations

import pkgutil
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Final

from rich.console import Console

from faults import disturbance, scenario, trial, world
from faults.trial import Bench, Trial

GROUPS: Final = ("kill", "instant", "disturbance")
_INSTANTS: Final = 12
_EVERY: Final = 12  # boundaries, of which one is struck by each disturbance
_MAIN: Final = "lifebuoy.__main__"


@dataclass(frozen=True, slots=True)
class Chosen:
    """What to try: scenarios by a part of their names (none: all), and of each so many faults
    (0: all), drawn by ``seed``. ``thorough``: every disturbance at every boundary, every way to go
    on after every one; else in turns. ``part`` of ``parts`` is this process's."""

    scenarios: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    sample: int = 0
    seed: int = 0
    thorough: bool = False
    part: int = 0
    parts: int = 1

    def fits(self, name: str) -> bool:
        """Whether a scenario is to be tried."""
        return not self.scenarios or any(text in name for text in self.scenarios)


def all_of(chosen: Chosen, console: Console) -> list[Trial]:
    """Try what is chosen."""
    preload()
    found: list[Trial] = []
    with world.made() as made:
        for one in scenario.scenarios():
            if chosen.fits(one.name):
                found += _tried(made, one, chosen, console)
    return found


def preload() -> None:
    """Load all of the product before processes are forked off, so that all run the same code even
    if somebody edits it meanwhile; the guest's agent is not waited for."""
    import lifebuoy

    for found in pkgutil.walk_packages(lifebuoy.__path__, "lifebuoy."):
        if not found.name.startswith(("lifebuoy.guest", "lifebuoy.store.migrations", _MAIN)):
            import_module(found.name)
    from lifebuoy.operations import backup_copy, leaving
    from lifebuoy.rescue import access

    # In no guest here is an agent or an SSH server: to wait for one would show nothing.
    setattr(leaving, "_AGENT_S", 0.1)  # noqa: B010 - it is Final for everybody else
    setattr(backup_copy, "_AGENT_S", 0.1)  # noqa: B010
    setattr(access, "try_login", lambda *_words, **_more: False)  # noqa: B010


def _tried(
    made: world.World, one: scenario.Scenario, chosen: Chosen, console: Console
) -> list[Trial]:
    bench = trial.prepare(made, one)
    cases = list(_cases(bench, chosen))
    if chosen.sample and len(cases) > chosen.sample:
        cases = random.Random(f"{chosen.seed} {one.name}").sample(cases, chosen.sample)
    cases = cases[chosen.part :: chosen.parts]
    console.print(f"{one.name}: {len(bench.boundaries)} boundaries, {len(cases)} trials")
    found: list[Trial] = []
    for label, fault, way in cases:
        found.append(trial.attempt(bench, label, fault, way))
        if found[-1].broken:
            told = (f"{one.name} | {label}, {way.name}:", *found[-1].broken)
            console.print("NOT SURVIVED", *told, sep="\n  ", soft_wrap=True, markup=False)
    return found


Case = tuple[str, trial.Fault, scenario.Way]


def _cases(bench: Bench, chosen: Chosen) -> Iterator[Case]:
    """Every fault that fits the scenario, with every way to go on after it."""
    cases_of: dict[str, Callable[[Bench, Chosen], Iterator[Case]]] = dict(
        zip(GROUPS, (_kills, _instants, _disturbances), strict=True)
    )
    for name, cases in cases_of.items():
        if not chosen.groups or name in chosen.groups:
            yield from cases(bench, chosen)


def _kills(bench: Bench, chosen: Chosen) -> Iterator[Case]:
    for number, name in enumerate(bench.boundaries):
        for way in _ways(bench, chosen, number):
            yield f"kill -9 at a boundary | {name}", partial(trial.killed_at, name=name), way


def _instants(bench: Bench, chosen: Chosen) -> Iterator[Case]:
    for number in range(1, _INSTANTS + 1):
        part = number / (_INSTANTS + 1)
        for way in _ways(bench, chosen, number):
            fault = partial(trial.killed_after, part=part)
            yield f"kill -9 at an instant | {part:.3f}", fault, way


def _ways(bench: Bench, chosen: Chosen, number: int) -> tuple[scenario.Way, ...]:
    ways = bench.scenario.ways
    return ways if chosen.thorough else (ways[number % len(ways)],)


def _disturbances(bench: Bench, chosen: Chosen) -> Iterator[Case]:
    for turn, one in enumerate(disturbance.disturbances()):
        way = scenario.CRASHED if one.ends_machine else scenario.RESUMED
        if one.ends_machine and not (bench.before.shape.running or bench.asked.shape.running):
            continue
        names = ("",) if one.at_start else bench.boundaries
        if not chosen.thorough:
            names = names[turn % _EVERY :: _EVERY] or names[-1:]
        label = f"{one.name} at the start" if one.at_start else one.name
        for name in names:
            yield f"{label} | {name}", partial(trial.struck, disturbance=one, name=name), way
