"""Which faults are tried on an operation, at which boundaries, and how it is gone on with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from faults import scenario, trial
from faults.disturbance import Disturbance
from faults.trial import Bench

_INSTANTS: Final = 12

Case = tuple[str, trial.Fault, scenario.Way]


@dataclass(frozen=True, slots=True)
class Turns:
    """Of how many boundaries one is struck by each fault, and which ways are gone after it: one,
    in turns, or ``thorough``: all of them, at all boundaries."""

    thorough: bool = False
    every: int = 1

    def boundaries(self, bench: Bench, turn: int) -> Sequence[str]:
        """Those of a fault."""
        if self.thorough:
            return bench.boundaries
        first = (turn * 5 + len(bench.scenario.name)) % self.every
        return bench.boundaries[first :: self.every] or bench.boundaries[-1:]

    def ways(self, bench: Bench, number: int) -> Sequence[scenario.Way]:
        """Those after a kill."""
        ways = bench.scenario.ways
        return ways if self.thorough else (ways[number % len(ways)],)


Cases = Callable[[Bench, Turns], Iterator[Case]]


def kills(bench: Bench, turns: Turns, *, where: str = "") -> Iterator[Case]:
    """The process killed right before something that changes something."""
    for number, name in enumerate(turns.boundaries(bench, 0)):
        for way in turns.ways(bench, number):
            label = f"kill -9 at a boundary{where} | {name}"
            yield label, partial(trial.killed_at, name=name), way


def instants(bench: Bench, turns: Turns) -> Iterator[Case]:
    """The process killed from outside at any time."""
    for number in range(1, _INSTANTS + 1):
        part = number / (_INSTANTS + 1)
        for way in turns.ways(bench, number):
            fault = partial(trial.killed_after, part=part)
            yield f"kill -9 at an instant | {part:.3f}", fault, way


def struck(bench: Bench, turns: Turns, *, by: Sequence[Disturbance]) -> Iterator[Case]:
    """What is around the process struck by each of these."""
    for turn, one in enumerate(by):
        way = scenario.CRASHED if one.ends_machine else scenario.RESUMED
        if one.ends_machine and not (bench.before.shape.running or bench.asked.shape.running):
            continue
        names = ("",) if one.at_start else turns.boundaries(bench, turn)
        label = f"{one.name} at the start" if one.at_start else one.name
        for name in names:
            yield f"{label} | {name}", partial(trial.struck, disturbance=one, name=name), way


def killed_or_struck(
    bench: Bench, turns: Turns, *, where: str, by: Sequence[Disturbance]
) -> Iterator[Case]:
    """Both, in a world that is named in ``where``."""
    yield from kills(bench, turns, where=where)
    yield from struck(bench, turns, by=by)
