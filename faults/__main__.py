"""Try every fault, print the table of those survived, and record it in the documentation."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console

from faults import apart, process, report, run, stage

_GROUPS: Final = (
    "kinds of faults: the process killed at a boundary (kill) or an instant; QEMU, disk, clock or "
    "the file of the record struck (disturbance); the record in PostgreSQL, which restarts or dies "
    "(postgresql); a host reached by SSH whose libvirtd dies (libvirtd), or the way to it (ssh)"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Try them; 1 if one was not survived."""
    options = _parser().parse_args(arguments)
    if options.jobs > 1:
        trials = _side_by_side(options)
    else:
        _settle_down(options.part)
        trials = run.all_of(_chosen(options), Console(stderr=True))
    if options.keep:
        report.keep(trials, options.keep)
        return 0
    report.show(trials, Console())
    if options.record:
        report.record(trials, options.record)
    return 1 if any(trial.broken for trial in trials) else 0


def _settle_down(number: int) -> None:
    # libvirt looks its QEMU over anew whenever it finds itself on another processor.
    processors = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {processors[number % len(processors)]})
    if apart.possible():
        apart.leave_mounts()
    process.adopt_orphans()


def _chosen(options: argparse.Namespace) -> run.Chosen:
    return run.Chosen(
        scenarios=tuple(options.only),
        groups=tuple(options.group),
        sample=options.sample,
        seed=options.seed,
        thorough=options.thorough,
        part=options.part,
        parts=options.parts,
    )


def _side_by_side(options: argparse.Namespace) -> list[report.Trial]:
    """Parts of the trials in processes of their own."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / str(number) for number in range(options.jobs)]
        words = [sys.executable, "-m", "faults", *_passed_on(options)]
        parts = [
            subprocess.Popen([*words, "--part", str(n), "--keep", str(file)])
            for n, file in enumerate(files)
        ]
        statuses = [part.wait() for part in parts]  # all of them, before any is judged
        if any(statuses):
            raise SystemExit("a part of the trials could not be tried")
        return [trial for file in files for trial in report.kept(file)]


def _passed_on(options: argparse.Namespace) -> list[str]:
    words = ["--parts", str(options.jobs), "--sample", str(options.sample)]
    words += ["--seed", str(options.seed), *(["--thorough"] if options.thorough else [])]
    words += [word for text in options.only for word in ("--only", text)]
    return words + [word for name in options.group for word in ("--group", name)]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m faults", description=__doc__)
    add = parser.add_argument
    add("--only", action="append", default=[], metavar="TEXT", help="operations with it in a name")
    add("--group", action="append", default=[], choices=stage.names(), help=_GROUPS)
    add("--sample", type=int, default=0, metavar="N", help="so many faults of each operation")
    add("--seed", type=int, default=0, metavar="N", help="which ones")
    add("--thorough", action="store_true", help="each at every boundary; takes hours")
    add("--jobs", type=int, default=1, metavar="N", help="so many at the same time")
    add("--record", type=Path, metavar="FILE", help="write the table to it")
    add("--part", type=int, default=0, help=argparse.SUPPRESS)
    add("--parts", type=int, default=1, help=argparse.SUPPRESS)
    add("--keep", type=Path, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
