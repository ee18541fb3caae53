"""Breaks the guest on a disk that nobody uses now: in the builder, several in one boot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab import builder, scripts
from lab.breakage import registry
from lab.recipe import Breakage, Where
from lab.root import Progress, Root
from lifebuoy.errors import BadInput


@dataclass(frozen=True, slots=True)
class Order:
    """The breakage of this name, done to the guest on this qcow2 disk."""

    name: str
    disk: Path


def find(name: str) -> Breakage:
    """The breakage of this name. Raises BadInput."""
    try:
        return registry()[name]
    except KeyError:
        hint = f"There are: {', '.join(registry())}."
        raise BadInput(f"no breakage '{name}'", hint=hint) from None


def apply(root: Root, orders: Sequence[Order], progress: Progress) -> None:
    """Carry out the orders in one boot of the builder. Raises BuildFailed where one fails."""
    jobs = [_job(order) for order in orders]
    builder.run(root, jobs, progress=progress, timeout_s=120 + 30 * len(jobs))


def _job(order: Order) -> builder.Job:
    breakage = find(order.name)
    commands = f"break_it() {{\n{breakage.commands}\n}}\n"
    script = commands + scripts.read("break.sh")
    mounted = "no" if breakage.where is Where.UNMOUNTED else "yes"
    settings = {"NAME": order.name, "MOUNTED": mounted}
    return builder.Job(f"break {order.name}", order.disk, script, settings)
