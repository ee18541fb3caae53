"""The table of faults tried and survived: for the terminal, and for the documentation."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from faults.trial import Trial as Trial

_HEAD: Final = ("fault", "operation", "tried", "survived", "did not come")
_PAGE: Final = """\
# Faults tried and survived

Made by `make faults`. {count} faults tried on {day}, {survived} survived; {missed} did not come, as
the operation took another way that time.

Each line is an operation on an instance with UEFI variables, a qcow2 and a raw disk; each fault
strikes at a boundary: right before a call of libvirt that changes something, a change in the file
system, the start of a program, a commit of the database, a piece of a long copy. So all moments
between and inside the steps are met. After a kill -9 another process goes on: the same command
again, `lifebuoy operations resume`, or (after entering) `lifebuoy rescue exit`, in turns.

Tried are:

- with the embedded libvirt and the record in a file of SQLite: the process killed at every boundary
  and at instants between them; QEMU killed; the disk full; the clock jumping, a year ahead or a
  week back, and staying so; the record gone, spoilt, locked, of a newer version;
- with the record in a real PostgreSQL server on loopback: the server restarted, killed and back two
  seconds later, or only once the command has given up waiting, killed together with the process,
  down from the start; the process killed alone;
- with a system libvirtd on a machine of its own (namespaces), reached by `qemu+ssh` alone as a
  member of the group `libvirt`: libvirtd killed while its QEMUs live on, and back two seconds later
  or once the operation has ended; the SSH connection cut, by the end of its client or of the server
  with all connections; the process killed.

A kill -9 strikes at every boundary of the first of these; everything else at one boundary of twelve
or, in the other two worlds, of twenty-four, and there on ten of the operations.
`python -m faults --help` says how to choose; `--thorough` strikes everywhere.

Survived means, each time:

- the instance is as it was asked to be, or as it was before, in everything at once: rescue mode,
  run state, backup points, what every disk reads as, UEFI variables;
- its own definition is byte for byte what it was, but for the sources of disks with a backup
  point; so is its autostart flag;
- exactly the QEMU processes that belong there run, no helper program, no forwarded port;
- not a file is left or missing, in any folder, compared with a run without a fault: no seed, no
  copy of variables, no lock, no draft;
- every operation has an outcome;
- then it leaves rescue mode, stops, and all its backup points are deleted: all of that works, and
  everything is as at the very beginning, the disks reading as before.

Where a full disk lets libvirt start nothing, an instance that ran may be stopped, if the command
said that not everything could be put back. Where `lifebuoy backup list` says that something is
left to be merged, `lifebuoy backup tidy` is asked for before anything is looked at, as it says.

{table}
"""


def rows(trials: Sequence[Trial]) -> list[tuple[str, ...]]:
    """Fault, operation, and the numbers tried, survived, and not reached."""
    groups: dict[tuple[str, str], list[Trial]] = {}
    for one in trials:
        groups.setdefault((one.fault.partition(" | ")[0], one.scenario), []).append(one)
    return [
        (*group, str(_tried(found)), str(_survived(found)), str(len(found) - _tried(found)))
        for group, found in sorted(groups.items(), key=lambda pair: pair[0][0])
    ]


def show(trials: Sequence[Trial], console: Console) -> None:
    """Print it, and what was not survived."""
    table = Table(*_HEAD)
    for row in rows(trials):
        table.add_row(*row)
    table.add_section()
    missed = len(trials) - _tried(trials)
    table.add_row("all", "", str(_tried(trials)), str(_survived(trials)), str(missed))
    console.print(table)
    for one in trials:
        if one.broken:
            words = (f"{one.scenario} | {one.fault}, {one.way}:", *one.broken)
            console.print("NOT SURVIVED", *words, sep="\n  ", soft_wrap=True, markup=False)


def record(trials: Sequence[Trial], path: Path) -> None:
    """Write it as a page of the documentation."""
    lines = ["| " + " | ".join(_HEAD) + " |", "|" + " --- |" * len(_HEAD)]
    lines += ["| " + " | ".join(row) + " |" for row in rows(trials)]
    page = _PAGE.format(
        count=_tried(trials),
        survived=_survived(trials),
        missed=len(trials) - _tried(trials),
        day=datetime.now(UTC).strftime("%Y-%m-%d"),
        table="\n".join(lines),
    )
    path.write_text(page)


def keep(trials: Sequence[Trial], path: Path) -> None:
    """Write them for the process that puts the parts together."""
    path.write_text(json.dumps([asdict(one) for one in trials]))


def kept(path: Path) -> list[Trial]:
    """What ``keep`` wrote."""
    found = json.loads(path.read_text())
    return [Trial(**one | {"broken": tuple(one["broken"])}) for one in found]


def _tried(trials: Sequence[Trial]) -> int:
    return sum(one.reached for one in trials)


def _survived(trials: Sequence[Trial]) -> int:
    return sum(one.reached and not one.broken for one in trials)
