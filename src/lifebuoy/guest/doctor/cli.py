"""The command ``doctor``: diagnose, repair, undo; text for people, JSON for programs."""

from __future__ import annotations

import argparse
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import drawing, luks, mounting, planning, repairing, report, undo
from .checks import registry
from .examining import examine, findings, headline, timings
from .layers import Layers
from .naming import plain

EXIT_SOUND, EXIT_BROKEN, EXIT_USAGE, EXIT_FAILED = 0, 1, 2, 3


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; its exit code: 0 nothing stops the boot, 1 something does."""
    options = _parser().parse_args(argv)
    if options.list:
        return _list(as_json=options.json)
    disks = options.disk or whole_disks()
    if not disks:
        print("doctor: no disk to examine; name one", file=sys.stderr)
        return EXIT_USAGE
    if os.geteuid() != 0:
        print("doctor: only root can look at disks", file=sys.stderr)
        return EXIT_USAGE
    if options.run and not re.fullmatch(r"[0-9A-Za-z-]{1,64}", options.run):
        print("doctor: a run's name has letters, digits and hyphens only", file=sys.stderr)
        return EXIT_USAGE
    own = [disk for disk in disks if mounting.holds_running_system(disk)]
    if own and (options.repair or options.undo):
        print(f"doctor: this very system runs from {own[0]}; only look at it", file=sys.stderr)
        return EXIT_USAGE
    try:
        mounting.own_namespace()
        ask = _asking(stdin=options.passphrase_stdin)
        for number in (signal.SIGTERM, signal.SIGHUP):  # what is open is closed on the way out
            signal.signal(number, lambda number, frame: sys.exit(128 + number))
        writes = (options.repair or options.undo) and not options.dry_run
        with Layers(writable=writes, ask=ask) as layers:
            return _run(options, disks, layers)
    except (OSError, mounting.CannotMount, subprocess.TimeoutExpired) as failure:
        print(f"doctor: {plain(str(failure))}", file=sys.stderr)
        return EXIT_FAILED


def _run(options: argparse.Namespace, disks: Sequence[str], layers: Layers) -> int:
    wish = repairing.Wish(
        disks,
        layers,
        frozenset(",".join(options.only).split(",")) - {""},
        options.firmware,
        options.root,
        options.packages,
        not options.offline,
        options.undo_folder,
        options.bus,
        options.brief,
    )
    if options.undo:
        return _runs(wish, options) if options.dry_run else _undo(wish, options.run)
    if options.repair and not options.dry_run:
        return _repair(wish, options)
    return _diagnose(wish, options)


def _asking(*, stdin: bool) -> luks.Ask:
    """How a passphrase is come by: the first line of standard input, the terminal, or not."""
    if not stdin:
        return luks.ask_at_terminal if sys.stdin.isatty() else luks.nobody
    line = sys.stdin.buffer.readline(luks.LONGEST + 1)
    given = [line.rstrip(b"\n")] if line.strip() else []
    return lambda what: given.pop() if given else None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="doctor", description="Finds why the system on a disk does not boot, and mends it."
    )
    parser.add_argument("disk", nargs="*", help="whole disks or raw image files; all disks if none")
    parser.add_argument("--json", action="store_true", help="the report as JSON")
    parser.add_argument("--output", metavar="FILE", help="write the report there")
    parser.add_argument("--list", action="store_true", help="explain every check")
    parser.add_argument("--repair", action="store_true", help="mend what can be mended")
    parser.add_argument("--dry-run", action="store_true", help="show what would change")
    parser.add_argument("--only", metavar="ID,...", action="append", default=[])
    parser.add_argument(
        "--brief", action="store_true", help="with --repair and --only: look at nothing else"
    )
    parser.add_argument("--undo", action="store_true", help="take the last repair back")
    parser.add_argument(
        "--run", default="", help="the repair's name; with --undo which one, the last if none"
    )
    parser.add_argument(
        "--passphrase-stdin",
        action="store_true",
        help="the passphrase of encrypted disks is the first line of standard input",
    )
    parser.add_argument(
        "--packages",
        metavar="DIR",
        action="append",
        default=[],
        help="take files from the packages in this folder or below, too",
    )
    parser.add_argument("--offline", action="store_true", help="download no packages")
    parser.add_argument("--firmware", choices=("bios", "uefi"), default="")
    parser.add_argument("--root", default="", help="the root's volume, where there are several")
    parser.add_argument(
        "--bus", default="", help="driver of an image's disk: virtio_blk, ahci, ..."
    )
    parser.add_argument("--undo-folder", metavar="DIR", default=undo.FOLDER)
    parser.add_argument("--timings", action="store_true", help="seconds of each check")
    return parser


def whole_disks() -> list[str]:
    """The disks of this machine: no CD-ROMs, loops, memory or mapped devices."""
    found = []
    for folder in sorted(Path("/sys/block").iterdir()):
        name = folder.name
        if name.startswith(("loop", "ram", "zram", "sr", "fd", "dm-", "md", "nbd")):
            continue
        if (folder / "size").read_text().strip() != "0":
            found.append(f"/dev/{name}")
    return found


def _list(*, as_json: bool) -> int:
    checks = registry()
    if as_json:
        rows = [
            {
                "id": one.ID,
                "link": one.LINK.value,
                "title": one.TITLE,
                "reads": one.READS,
                "dpkg": one.DPKG.value,
            }
            for one in checks
        ]
        print(json.dumps({"schema": report.SCHEMA, "checks": rows}, indent=2))
        return EXIT_SOUND
    link = None
    for check in checks:
        if check.LINK is not link:
            link = check.LINK
            print(link.value)
        print(f"  {check.ID:28} {check.TITLE}\n  {'':28} reads: {check.READS}")
    return EXIT_SOUND


def _diagnose(wish: repairing.Wish, options: argparse.Namespace) -> int:
    start = time.monotonic()
    with wish.opened() as patient:
        chain = examine(patient)
        seconds = time.monotonic() - start
        peak = report.peak_memory_kib()
        made = report.make(patient, chain, seconds, peak)
        if options.timings:
            for name, taken in timings(patient):
                print(f"{taken:8.3f} {name}", file=sys.stderr)
        if options.dry_run:
            plan = planning.make(wish, patient, findings(chain))
            _put(planning.as_json(plan) if options.json else planning.as_text(plan), options)
            return EXIT_SOUND
    _write(made, options)
    return EXIT_BROKEN if headline(chain) else EXIT_SOUND


def _write(made: report.Report, options: argparse.Namespace, **more: Any) -> None:
    if options.json:
        text = json.dumps({**report.as_json(made), **more}, indent=2) + "\n"
    else:
        text = drawing.draw(made, colour=sys.stdout.isatty() and not options.output)
    _put(text, options)


def _put(text: str, options: argparse.Namespace) -> None:
    if options.output:
        Path(options.output).write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)


def _repair(wish: repairing.Wish, options: argparse.Namespace) -> int:
    start = time.monotonic()
    own = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()) + "-" + secrets.token_hex(2)
    run = options.run or own
    outcome = repairing.repair(wish, run, lambda line: print(plain(line, 500), file=sys.stderr))
    with wish.opened() as patient:
        seconds = time.monotonic() - start
        peak = report.peak_memory_kib()
        made = report.make(patient, outcome.chain, seconds, peak)
    failed = [{"id": one, "why": plain(why)} for one, why in outcome.failed]
    _write(
        made,
        options,
        repair={"run": run, "mended": outcome.mended, "failed": failed, "undo": outcome.undo},
    )
    return EXIT_BROKEN if headline(outcome.chain) else EXIT_SOUND


def _known(wish: repairing.Wish) -> list[str]:
    return [name for name in repairing.runs(wish) if not name.endswith(".undone")]


def _runs(wish: repairing.Wish, options: argparse.Namespace) -> int:
    """What could be taken back, oldest first; nothing is."""
    known = [plain(name) for name in _known(wish)]
    made = json.dumps({"schema": report.SCHEMA, "runs": known}, indent=2)
    _put((made if options.json else "\n".join(known)) + "\n", options)
    return EXIT_SOUND


def _undo(wish: repairing.Wish, run: str) -> int:
    known = _known(wish)
    if run and run not in known:
        print(
            f"doctor: there is no run {plain(run)}; there are: {' '.join(known)}", file=sys.stderr
        )
        return EXIT_USAGE
    if not known:
        print("doctor: there is nothing to undo", file=sys.stderr)
        return EXIT_USAGE
    trouble = repairing.undo(wish, run or known[-1])
    for line in trouble:
        print(f"doctor: not undone: {plain(line)}", file=sys.stderr)
    print(f"undone: {run or known[-1]}")
    return EXIT_FAILED if trouble else EXIT_SOUND
