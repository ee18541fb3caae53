"""Rescue mode in rounds, each subject once a round: ``python -m bench.rescue``."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from bench import appliance, floor, machine, record, report, stay
from lab import cache, guest, images
from lab.layout import Layout
from lifebuoy.errors import Cancelled, LifebuoyError
from lifebuoy.hypervisor import Domain, Host, connect
from lifebuoy.image import Catalogue
from lifebuoy.operations.context import Context
from lifebuoy.rescue import media


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, record. A goal that is missed is a result, not an error."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console = Console()
    root = Path(tempfile.mkdtemp(prefix="lifebuoy-bench-", dir="/tmp"))  # short, for sockets
    try:
        with connect(f"qemu:///embed?root={root}/libvirt", state_dir=root) as host:
            run = _measure(host, root, options, console)
        report.show(run, console)
        console.print(
            f"record: {record.keep('rescue', report.record(run), options.output)}", soft_wrap=True
        )
    except LifebuoyError as error:
        print(f"error: {error.message}\n{error.hint}".rstrip(), file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return Cancelled.exit_status
    finally:
        shutil.rmtree(root, ignore_errors=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.rescue", description=__doc__)
    parser.add_argument("--runs", type=_count, default=3, metavar="N", help="rounds (default 3)")
    parser.add_argument(
        "--patience",
        type=float,
        default=30,
        metavar="SECONDS",
        help="how long to wait for a quiet machine before each measurement (default 30)",
    )
    parser.add_argument(
        "--images",
        type=Path,
        metavar="FOLDER",
        help="a catalogue whose default image is measured (default: the lab's, built if missing)",
    )
    parser.add_argument("--output", type=Path, default=record.FOLDER, help="for the record")
    return parser


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def _measure(host: Host, root: Path, options: argparse.Namespace, console: Console) -> report.Run:
    began = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    base = cache.folder(os.environ)
    catalogue = Catalogue(options.images or images.get(base, console.print))
    built = guest.get(base, Layout.BIOS, console.print)
    facts = machine.look(host, root / "cache")
    image = catalogue.get()
    env = appliance.environment(os.environ, facts.acceleration)

    console.print("once, not counted: libguestfs makes its appliance, the image is placed")
    appliance.guestfish_run(built.base, env)
    clock = time.monotonic()
    media.place_image(host, image)
    placed = time.monotonic() - clock

    disk = guest.overlay(built.base, root / "disk.qcow2")
    log = root / "serial.log"
    subjects = _Subjects(
        floor=floor.prepare(image.path, root, facts.acceleration),
        context=Context(host, catalogue, root / "cache"),
        domain=stay.define(host, disk, domain_type=facts.domain_type, serial_log=log),
        serial_log=log,
        disk=built.base,
        env=env,
    )
    try:
        rounds = []
        for number in range(1, options.runs + 1):
            console.print(f"round {number} of {options.runs}")
            rounds.append(subjects.round(options.patience))
    finally:
        subjects.domain.destroy()
    return report.Run(began, facts, image.size_bytes, placed, tuple(rounds))


@dataclass(frozen=True, slots=True)
class _Subjects:
    """All that a round measures, ready."""

    floor: floor.Floor
    context: Context
    domain: Domain
    serial_log: Path
    disk: Path
    env: Mapping[str, str]

    def round(self, patience_s: float) -> report.Round:
        """Measure each once, in turn."""
        busy: dict[str, float] = {}

        def quiet(subject: str) -> None:
            busy[subject] = round(machine.wait_until_quiet(patience_s), 2)

        quiet("floor")
        floor_s = self.floor.seconds()
        quiet("guestfish")
        guestfish_s = appliance.guestfish_run(self.disk, self.env)
        quiet("enter")
        entering = stay.from_stopped(self.context)
        quiet("virt_rescue")
        virt_rescue_s = appliance.virt_rescue(self.disk, self.env)
        quiet("exit")
        leaving = stay.to_running(self.context, self.domain, self.serial_log)
        return report.Round(
            floor=floor_s,
            guestfish=guestfish_s,
            virt_rescue=virt_rescue_s,
            enter_to_login=entering.to_login,
            boot_to_login=entering.boot_to_login,
            exit_to_first_line=leaving.to_first_line,
            busy=busy,
            enter_steps=entering.steps,
            exit_steps=leaving.steps,
        )


if __name__ == "__main__":
    sys.exit(main())
