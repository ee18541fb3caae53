"""The doctor against every breakage of the lab: found, named first, mended, booted again.

``python -m bench.doctor``. Each alone, on a fresh copy of a guest's disk, by the doctor as the one
file that the rescue system has, here on this machine; then the mended guest boots in QEMU. Before
that the sound guests are examined, fresh and upgraded: what is found on them is a false alarm.
Last, the time that a diagnosis takes in the rescue system (``bench.diagnosis``).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from bench import diagnosis, record
from bench.machine import wait_until_quiet
from lab import boot, cache, guest, mending, native
from lab.breakage import registry
from lab.layout import History, Layout
from lab.mending import Doctor
from lifebuoy.errors import BuildFailed, LifebuoyError

BOOT_S: Final = 400.0
GOAL: Final = 40  # breakages at least, all of them mended
_ROUNDS: Final = 3


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of one breakage. ``named`` first where it stops the boot, and only there."""

    name: str
    layout: str
    found: bool
    named: bool
    mended: bool
    boots: bool
    words: str = ""  # of what went otherwise


@dataclass(frozen=True, slots=True)
class Sound:
    """A sound guest: false alarms, seconds of each examination here, most memory in KiB."""

    layout: str
    history: str
    alarms: tuple[str, ...]
    seconds: tuple[float, ...]
    peak_kib: int


@dataclass(frozen=True, slots=True)
class Figures:
    """A whole run."""

    sound: tuple[Sound, ...]
    trials: tuple[Trial, ...]


def measure(
    folder: Path, names: Iterable[str], layouts: Sequence[Layout], say: Callable[[str], None]
) -> Figures:
    """Measure in ``folder``; each breakage on the first of ``layouts`` that it can break."""
    program = mending.program(folder)
    bases = {layout: _base(layout, History.FRESH, folder, say) for layout in layouts}
    sound = [_sound(program, layout, History.FRESH, base) for layout, base in bases.items()]
    for kind in layouts:
        upgraded = _base(kind, History.UPGRADED, folder, say)
        sound.append(_sound(program, kind, History.UPGRADED, upgraded))
        upgraded.unlink()
    trials = []
    for name in names:
        layout = next((one for one in layouts if one in registry()[name].layouts), None)
        if layout is not None:
            trials.append(_trial(program, name, layout, bases[layout]))
            say(_line(trials[-1]))
    return Figures(tuple(sound), tuple(trials))


def _base(layout: Layout, history: History, folder: Path, say: Callable[[str], None]) -> Path:
    built = guest.get(cache.folder(os.environ), layout, say, history)
    return native.raw_copy(built.base, folder / f"{layout}-{history}.raw")


def _sound(program: Path, layout: Layout, history: History, base: Path) -> Sound:
    doctor = Doctor(program, base, mending.packages())
    seconds: list[float] = []
    alarms: tuple[str, ...] = ()
    peak = 0
    for _ in range(_ROUNDS):
        wait_until_quiet(30)
        clock = time.monotonic()
        report = doctor.report()
        seconds.append(round(time.monotonic() - clock, 2))
        peak = max(peak, report.data["peak_memory_kib"])
        alarms = tuple(report.seen())
    return Sound(layout, history, alarms, tuple(seconds), peak)


def _trial(program: Path, name: str, layout: Layout, base: Path) -> Trial:
    breakage = registry()[name]
    with tempfile.TemporaryDirectory(prefix="trial-", dir=base.parent) as folder:
        disk = native.sparse_copy(base, Path(folder) / "disk.raw")
        try:
            native.apply(disk, name)
            doctor = Doctor(program, disk, mending.packages())
            before, after = doctor.report(), doctor.report("--repair")
        except (BuildFailed, ValueError, subprocess.TimeoutExpired) as failure:
            return Trial(name, layout, False, False, False, False, str(failure)[:300])
        login = boot.to_login(disk, layout.firmware, timeout_s=BOOT_S, image_format="raw")
    left = after.seen()
    words = "; ".join(left) or ("" if login.accepted else login.last_seen[-300:])
    return Trial(
        name,
        layout,
        found=breakage.finding in before.ids(),
        named=before.headline == (None if layout in breakage.boots_on else breakage.finding),
        mended=not left,
        boots=login.accepted,
        words=words,
    )


def _line(trial: Trial) -> str:
    marks = {"found": trial.found, "named": trial.named, "mended": trial.mended}
    states = " ".join(name if good else f"NOT {name}" for name, good in marks.items())
    return f"{trial.layout} {trial.name}: {states} {'boots' if trial.boots else 'DOES NOT BOOT'}"


def show(figures: Figures, console: Console) -> None:
    """Print the tables."""
    count = len(figures.trials)
    table = Table(title=f"{count} breakages, each alone (goal: all, of at least {GOAL})")
    for title in ("found", "named first if it stops the boot", "mended", "boots again"):
        table.add_column(title, justify="right")
    kinds = ("found", "named", "mended", "boots")
    table.add_row(
        *(f"{sum(getattr(one, kind) for one in figures.trials)} of {count}" for kind in kinds)
    )
    console.print(table)
    for one in figures.trials:
        if not (one.found and one.named and one.mended and one.boots):
            console.print(f"[red]{_line(one)}[/] {one.words}", markup=True, highlight=False)
    table = Table(title="Sound guests, here on this machine (goal: no false alarm)")
    for title in ("guest", "packages", "false alarms", "seconds", "memory (MiB)"):
        table.add_column(title, justify="left" if title in ("guest", "packages") else "right")
    for sound in figures.sound:
        seconds, memory = f"{min(sound.seconds):.1f}", f"{sound.peak_kib / 1024:.0f}"
        table.add_row(sound.layout, sound.history, str(len(sound.alarms)), seconds, memory)
    console.print(table)
    for sound in figures.sound:
        for alarm in sound.alarms:
            console.print(f"[red]{sound.layout}, {sound.history}:[/] {alarm}", highlight=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, record; a goal that is missed is a result, not an error."""
    parser = argparse.ArgumentParser(prog="python -m bench.doctor", description=__doc__)
    parser.add_argument("--output", type=Path, default=record.FOLDER, help="for the record")
    parser.add_argument("--breakage", action="append", choices=registry(), metavar="NAME")
    parser.add_argument("--layout", action="append", type=Layout, choices=list(Layout))
    options = parser.parse_args(arguments)
    if os.geteuid() != 0:
        print("error: only root can look at disks", file=sys.stderr)
        return 2
    console = Console()
    with tempfile.TemporaryDirectory(prefix="lifebuoy-bench-") as folder:
        figures = measure(
            Path(folder),
            options.breakage or registry(),
            options.layout or list(Layout),
            console.print,
        )
    show(figures, console)
    try:
        timed = diagnosis.as_json(diagnosis.run(console))
    except LifebuoyError as error:
        print(f"error: {error.message}\n{error.hint}".rstrip(), file=sys.stderr)
        timed = {}
    found = {**asdict(figures), "diagnosis": timed}
    path = record.keep("doctor", found, options.output)
    console.print(f"record: {path}", soft_wrap=True)
    return 0 if timed else LifebuoyError.exit_status


if __name__ == "__main__":
    sys.exit(main())
