"""Goes through scenarios and faults, one after another, and tells how far it is."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from rich.console import Console

from faults import scenario, trial, world
from faults.trial import Bench, Trial


@dataclass(frozen=True, slots=True)
class Chosen:
    """What to try: scenarios by a part of their names (none: all), and of each so many faults
    (0: all), drawn by ``seed``."""

    scenarios: tuple[str, ...] = ()
    sample: int = 0
    seed: int = 0

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
    """Load what every process needs, before they are forked off; the agent is not waited for."""
    import lifebuoy.cli.app
    import lifebuoy.operations.engine
    from lifebuoy.operations import backup_copy, kinds, leaving
    from lifebuoy.rescue import access

    assert lifebuoy.cli.app and lifebuoy.operations.engine
    for name in kinds.NAMES:
        kinds.find(name)
    # In no guest here is an agent or an SSH server: to wait for one would show nothing.
    setattr(leaving, "_AGENT_S", 0.1)  # noqa: B010 - it is Final for everybody else
    setattr(backup_copy, "_AGENT_S", 0.1)  # noqa: B010
    setattr(access, "try_login", lambda *_words, **_more: False)  # noqa: B010


def _tried(
    made: world.World, one: scenario.Scenario, chosen: Chosen, console: Console
) -> list[Trial]:
    bench = trial.prepare(made, one)
    cases = list(_cases(bench))
    if chosen.sample and len(cases) > chosen.sample:
        cases = random.Random(f"{chosen.seed} {one.name}").sample(cases, chosen.sample)
    console.print(f"{one.name}: {len(bench.boundaries)} boundaries, {len(cases)} trials")
    found: list[Trial] = []
    for label, fault, way in cases:
        found.append(trial.attempt(bench, label, fault, way))
        if found[-1].broken:
            console.print(
                f"[red]NOT SURVIVED[/] {label}, {way.name}:", *found[-1].broken, sep="\n  "
            )
    return found


def _cases(bench: Bench) -> Iterator[tuple[str, trial.Fault, scenario.Way]]:
    for name in bench.boundaries:
        for way in bench.scenario.ways:
            yield name, partial(trial.killed_at, name=name), way
