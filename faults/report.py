"""The table of faults tried and survived: for the terminal, and for the documentation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from faults.trial import Trial


def rows(trials: Sequence[Trial]) -> list[tuple[str, ...]]:
    """Scenario, way, trials, survived, not reached."""
    groups: dict[tuple[str, str], list[Trial]] = {}
    for one in trials:
        groups.setdefault((one.scenario, one.way), []).append(one)
    return [
        (
            *group,
            str(sum(one.reached for one in found)),
            str(sum(one.reached and not one.broken for one in found)),
            str(sum(not one.reached for one in found)),
        )
        for group, found in groups.items()
    ]


HEAD = ("operation", "gone on with", "tried", "survived", "did not come")


def show(trials: Sequence[Trial], console: Console) -> None:
    """Print it."""
    table = Table(*HEAD)
    for row in rows(trials):
        table.add_row(*row)
    console.print(table)


def record(trials: Sequence[Trial], path: Path) -> None:
    """Write it."""
    lines = ["| " + " | ".join(HEAD) + " |", "|" + " --- |" * len(HEAD)]
    lines += ["| " + " | ".join(row) + " |" for row in rows(trials)]
    path.write_text("\n".join(lines) + "\n")
