"""A full diagnosis of a Debian guest with 20,000 files: the doctor beside ``virt-inspector``.

``python -m bench.diagnosis``; also a part of ``bench.doctor``. In rounds, each subject once a
round: virt-inspector on the disk; entering rescue mode; there the doctor, over the guest agent.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from bench import appliance, machine, record, stay
from bench.figures import Comparison, paired, summarise
from lab import cache, filling, guest, images, native
from lab.layout import Layout
from lifebuoy.errors import HostTrouble, LifebuoyError
from lifebuoy.hypervisor import connect
from lifebuoy.image import Catalogue
from lifebuoy.operations.context import Context
from lifebuoy.operations.enter import enter
from lifebuoy.operations.leave import LeaveRequest, leave
from lifebuoy.operations.plan import EnterRequest
from lifebuoy.operations.repair import examine
from lifebuoy.rescue import media

FILES: Final = 20_000
PEAK_MIB: Final = 150
ROUNDS: Final = 3
_QUIET_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Round:
    """Seconds: ``doctor`` from the call on the host to the report there; ``entered`` the way in
    before it. ``inside`` is what the doctor itself says. ``peak_kib`` is its memory."""

    virt_inspector: float
    entered: float
    doctor: float
    inside: float
    peak_kib: int
    findings: int

    @property
    def whole(self) -> float:
        """Entering and the doctor."""
        return self.entered + self.doctor


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A whole run, on a guest with this many files."""

    files: int
    acceleration: str
    rounds: tuple[Round, ...]

    def comparisons(self) -> tuple[Comparison, Comparison]:
        """The doctor alone, and with entering, against virt-inspector, with the goals."""
        reference = [one.virt_inspector for one in self.rounds]
        name = "virt-inspector"
        alone = paired([one.doctor for one in self.rounds], reference)
        whole = paired([one.whole for one in self.rounds], reference)
        return (
            Comparison("the doctor in the running rescue system", name, alone, 0.5),
            Comparison("entering and the doctor", name, whole, 1.0),
        )

    @property
    def peak_mib(self) -> float:
        """The most memory that the doctor had in the guest."""
        return max(one.peak_kib for one in self.rounds) / 1024


def measure(root: Path, say: Callable[[str], None], rounds: int = ROUNDS) -> Diagnosis:
    """Measure, with everything below ``root``, whose path must be short for libvirt's sockets.

    Raises:
        LifebuoyError: something failed, or virt-inspector is not installed.
    """
    base = cache.folder(os.environ)
    catalogue = Catalogue(images.get(base, say))
    built = guest.get(base, Layout.BIOS, say)
    disk, files = _filled(built.base, root, say)
    with connect(f"qemu:///embed?root={root}/libvirt", state_dir=root) as host:
        facts = machine.look(host, root / "cache")
        env = appliance.environment(os.environ, facts.acceleration)
        say("once, not counted: libguestfs makes its appliance, the image is placed")
        appliance.guestfish_run(disk, env)
        media.place_image(host, catalogue.get())
        context = Context(host, catalogue, root / "cache")
        domain = stay.define(
            host, disk, domain_type=facts.domain_type, serial_log=root / "serial.log"
        )
        try:
            found = []
            for number in range(1, rounds + 1):
                say(f"round {number} of {rounds}")
                found.append(_round(context, disk, env))
        finally:
            domain.destroy()
    return Diagnosis(files, facts.acceleration, tuple(found))


def _filled(base: Path, root: Path, say: Callable[[str], None]) -> tuple[Path, int]:
    """The guest with all its files, as a qcow2."""
    say(f"a guest with {FILES} files")
    raw, disk = root / "filled.raw", root / "filled.qcow2"
    native.raw_copy(base, raw)
    files = filling.up_to(raw, FILES)
    convert = ["qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(raw), str(disk)]
    subprocess.run(convert, check=True, timeout=300)
    raw.unlink()
    return disk, files


def _round(context: Context, disk: Path, env: dict[str, str]) -> Round:
    machine.wait_until_quiet(_QUIET_S)
    inspector = appliance.virt_inspector(disk, env)
    machine.wait_until_quiet(_QUIET_S)
    clock = time.monotonic()
    enter(context, EnterRequest(stay.NAME, stay.PASSWORD))
    entered = time.monotonic()
    try:
        report = examine(context, stay.NAME)
        done = time.monotonic()
    finally:
        leave(context, LeaveRequest(stay.NAME, watch_s=0))
    if report.headline is not None:
        raise HostTrouble(f"the doctor found a sound guest ill: {report.headline}")
    return Round(
        virt_inspector=inspector,
        entered=entered - clock,
        doctor=done - entered,
        inside=report.seconds,
        peak_kib=report.peak_memory_kib,
        findings=len(list(report.findings)),
    )


def show(diagnosis: Diagnosis, console: Console) -> None:
    """Print the tables."""
    rounds = diagnosis.rounds
    table = Table(title=f"Diagnosis of a guest with {diagnosis.files} files, {len(rounds)} rounds")
    table.add_column("seconds")
    for name in ("median", "min", "max"):
        table.add_column(name, justify="right")
    for words, values in (
        ("virt-inspector", [one.virt_inspector for one in rounds]),
        ("entering rescue mode", [one.entered for one in rounds]),
        ("the doctor, over the guest agent", [one.doctor for one in rounds]),
        ("  of that: the doctor by its own clock", [one.inside for one in rounds]),
    ):
        found = summarise(values)
        cells = (found.median, found.minimum, found.maximum)
        table.add_row(words, *(f"{value:.1f}" for value in cells))
    console.print(table)
    table = Table(title="Ratios to virt-inspector, within each round")
    table.add_column("what")
    for name in ("median", "min", "max", "goal"):
        table.add_column(name, justify="right")
    table.add_column("verdict")
    for one in diagnosis.comparisons():
        verdict = "[green]pass[/]" if one.met else "[red]fail[/]"
        cells = (one.summary.median, one.summary.minimum, one.summary.maximum)
        goal = f"<= {one.at_most:g}"
        table.add_row(one.subject, *(f"{value:.2f}" for value in cells), goal, verdict)
    console.print(table)
    peak = diagnosis.peak_mib
    verdict = "[green]pass[/]" if peak < PEAK_MIB else "[red]fail[/]"
    console.print(f"its memory in the guest: {peak:.0f} MiB (goal: under {PEAK_MIB}) {verdict}")


def as_json(diagnosis: Diagnosis) -> dict[str, Any]:
    """The run as JSON values."""
    ratios = [
        {"subject": one.subject, **asdict(one.summary), "at_most": one.at_most, "met": one.met}
        for one in diagnosis.comparisons()
    ]
    return {**asdict(diagnosis), "ratios": ratios}


def run(console: Console, rounds: int = ROUNDS) -> Diagnosis:
    """Measure in a temporary folder, and print."""
    root = Path(tempfile.mkdtemp(prefix="lifebuoy-bench-", dir="/tmp"))  # short, for sockets
    try:
        diagnosis = measure(root, console.print, rounds)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    show(diagnosis, console)
    return diagnosis


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, record; a goal that is missed is a result, not an error."""
    parser = argparse.ArgumentParser(prog="python -m bench.diagnosis", description=__doc__)
    parser.add_argument("--output", type=Path, default=record.FOLDER, help="for the record")
    parser.add_argument("--runs", type=int, default=ROUNDS, metavar="N", help="rounds (default 3)")
    options = parser.parse_args(arguments)
    if os.geteuid() != 0:
        print("error: only root can fill disks", file=sys.stderr)
        return 2
    console = Console()
    try:
        diagnosis = run(console, options.runs)
    except LifebuoyError as error:
        print(f"error: {error.message}\n{error.hint}".rstrip(), file=sys.stderr)
        return error.exit_status
    path = record.keep("diagnosis", as_json(diagnosis), options.output)
    console.print(f"record: {path}", soft_wrap=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
