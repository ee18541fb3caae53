"""``python -m faults``: try every fault, print the table, and record it in the documentation."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from faults import process, report, run


def main(arguments: Sequence[str] | None = None) -> int:
    """Try them; 1 if one was not survived."""
    options = _parser().parse_args(arguments)
    console = Console(stderr=True)
    # libvirt looks its QEMU over anew whenever it finds itself on another processor
    os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[options.cpu]})
    process.adopt_orphans()
    trials = run.all_of(
        run.Chosen(scenarios=tuple(options.only), sample=options.sample, seed=options.seed),
        console,
    )
    report.show(trials, Console())
    if options.record:
        report.record(trials, options.record)
    return 1 if any(trial.broken for trial in trials) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m faults", description=__doc__)
    parser.add_argument("--only", action="append", default=[], metavar="TEXT", help="scenarios")
    parser.add_argument("--sample", type=int, default=0, metavar="N", help="so many of each")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="which ones")
    parser.add_argument("--cpu", type=int, default=0, metavar="N", help="which processor")
    parser.add_argument("--record", type=Path, metavar="FILE", help="write the table to it")
    return parser


if __name__ == "__main__":
    sys.exit(main())
