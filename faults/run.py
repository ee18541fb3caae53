"""Goes through scenarios and faults, one after another, and tells how far it is."""

from __future__ import annotations

import pkgutil
import random
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Final

from rich.console import Console

from faults import scenario, stage, trial
from faults.cases import Case, Turns
from faults.stage import Group, Stage
from faults.trial import Bench, Trial
from faults.world import NotPrepared

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

    def of(self, one: Stage) -> list[Group]:
        """The kinds of faults that are to be tried there."""
        return [group for group in one.groups if not self.groups or group.name in self.groups]


def all_of(chosen: Chosen, console: Console) -> list[Trial]:
    """Try what is chosen."""
    preload()
    found: list[Trial] = []
    for one in stage.stages():
        groups = chosen.of(one)
        if not groups:
            continue
        if one.lacks:
            console.print(f"NOT TRIED, as {one.lacks}: {', '.join(group.name for group in groups)}")
            continue
        found += _tried_on(one, groups, chosen, console)
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


def _tried_on(one: Stage, groups: Sequence[Group], chosen: Chosen, console: Console) -> list[Trial]:
    found: list[Trial] = []
    with one.made() as world:
        for played in filter(lambda each: chosen.fits(each.name), one.scenarios):
            try:
                bench = trial.prepare(world, played)
            except (NotPrepared, AssertionError) as error:
                found.append(Trial(played.name, "none", "", 0.0, broken=(str(error),)))
                _tell(found[-1], console)
                continue
            cases = [
                case
                for group in groups
                for case in group.cases(bench, Turns(chosen.thorough, group.every))
            ]
            found += _tried(bench, _drawn(cases, played, chosen), console)
    return found


def _drawn(cases: list[Case], played: scenario.Scenario, chosen: Chosen) -> list[Case]:
    """This process's part of those that are to be tried."""
    if chosen.sample and len(cases) > chosen.sample:
        cases = random.Random(f"{chosen.seed} {played.name}").sample(cases, chosen.sample)
    return cases[chosen.part :: chosen.parts]


def _tried(bench: Bench, cases: Sequence[Case], console: Console) -> list[Trial]:
    name = bench.scenario.name
    console.print(f"{name}: {len(bench.boundaries)} boundaries, {len(cases)} trials")
    found: list[Trial] = []
    for label, fault, way in cases:
        found.append(trial.attempt(bench, label, fault, way))
        _tell(found[-1], console)
    return found


def _tell(one: Trial, console: Console) -> None:
    if one.broken:
        told = (f"{one.scenario} | {one.fault}, {one.way}:", *one.broken)
        console.print("NOT SURVIVED", *told, sep="\n  ", soft_wrap=True, markup=False)
