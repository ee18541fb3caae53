"""Backup points of disks of 1, 10 and 100 GiB against QEMU's and the system's own means.

The disks are sparse, with the same amount of data in each, so that what grows with the size of the
disk alone is seen. Operations run as they are, with every check and their list, but not on record;
the others are bare commands on a stopped disk. The write cost is that of QEMU's block layer without
a guest: ``qemu-img bench`` on the original, on a fresh overlay, and on the overlay once written.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from lxml import etree
from rich.console import Console
from rich.table import Table

from bench import record
from lifebuoy.hypervisor import Domain, Host, connect
from lifebuoy.image import Catalogue
from lifebuoy.operations import runner
from lifebuoy.operations.backup_copy import COPY
from lifebuoy.operations.backup_create import CREATE
from lifebuoy.operations.backup_delete import DELETE
from lifebuoy.operations.backup_restore import RESTORE
from lifebuoy.operations.context import Context
from lifebuoy.operations.operation import Kind, Work

SIZES_GIB: Final = (1, 10, 100)
DATA_MIB: Final = 256  # in each disk
CHANGED_MIB: Final = 64  # written after the point, and merged when it is deleted
_ROUNDS: Final = 3
_WRITES: Final = 4096  # of 4 KiB, each into another cluster: the dearest case


@dataclass(frozen=True, slots=True)
class Disk:
    """Medians in seconds for one disk; 0 where that is not possible for its format."""

    format: str
    gib: int
    create: float
    restore: float
    delete: float
    copy: float
    snapshot_create: float
    snapshot_apply: float
    snapshot_delete: float
    cp_reflink: float
    convert: float


@dataclass(frozen=True, slots=True)
class Writes:
    """Seconds for the same writes; ``first`` ones allocate in the overlay, ``later`` ones not."""

    original: float
    first: float
    later: float


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured."""

    disks: tuple[Disk, ...]
    writes: Writes


def measure(host: Host, folder: Path, sizes_gib: tuple[int, ...] = SIZES_GIB) -> Figures:
    """Measure on ``host`` with disks in ``folder``, which is on the storage in question."""
    context = Context(host, Catalogue(folder / "images"), folder)
    disks = [
        _disk(context, folder, image_format, gib)
        for gib in sizes_gib
        for image_format in ("qcow2", "raw")
    ]
    return Figures(tuple(disks), _writes(folder))


def show(figures: Figures, console: Console) -> None:
    """Print the tables."""
    table = Table(title=f"Backup points, {DATA_MIB} MiB of data in each disk (seconds)")
    titles = ["disk", "create", "restore", f"delete ({CHANGED_MIB} MiB)", "--copy"]
    titles += ["snapshot -c", "snapshot -a", "snapshot -d", "cp --reflink=auto", "convert"]
    for title in titles:
        table.add_column(title, justify="right" if title != "disk" else "left")
    for disk in figures.disks:
        values = list(asdict(disk).values())[2:]
        table.add_row(
            f"{disk.format}, {disk.gib} GiB",
            *(f"{value:.2f}" if value else "-" for value in values),
        )
    console.print(table)
    writes = figures.writes
    console.print(
        f"{_WRITES} writes of 4 KiB, each into another cluster: {writes.original:.2f} s without a "
        "point; "
        f"{writes.first:.2f} s the first time after one ({writes.first / writes.original:.1f}x), "
        f"{writes.later:.2f} s from then on ({writes.later / writes.original:.1f}x)"
    )


def _disk(context: Context, folder: Path, image_format: str, gib: int) -> Disk:
    path = folder / f"disk.{image_format}"
    _run("qemu-img", "create", "-q", "-f", image_format, str(path), f"{gib}G")
    _write(path, image_format, 1, DATA_MIB)
    domain = context.host.define(_definition(path, image_format))
    try:
        times: dict[str, list[float]] = {}
        for number in range(_ROUNDS):
            for name, seconds in _round(context, domain, path, image_format, number).items():
                times.setdefault(name, []).append(seconds)
        medians = {name: round(statistics.median(found), 4) for name, found in times.items()}
        return Disk(image_format, gib, **medians)
    finally:
        domain.undefine()
        path.unlink()


def _round(
    context: Context, domain: Domain, path: Path, image_format: str, number: int
) -> dict[str, float]:
    found: dict[str, float] = {}
    asked: dict[str, Any] = {"name": "", "keep": 0}
    point, found["create"] = _operation(context, domain, CREATE, asked)
    _, found["restore"] = _operation(context, domain, RESTORE, {"point": point})
    _write(_active(domain), "qcow2", number + 2, CHANGED_MIB)
    _, found["delete"] = _delete(context, domain, point)
    copy, found["copy"] = _operation(context, domain, COPY, asked | {"pool": "", "freeze": True})
    _delete(context, domain, copy)
    qcow2 = image_format == "qcow2"
    for letter, name in (("c", "create"), ("a", "apply"), ("d", "delete")):
        words = ["qemu-img", "snapshot", f"-{letter}", "bench", str(path)]
        found[f"snapshot_{name}"] = _timed(partial(_run, *words)) if qcow2 else 0.0
    other = path.with_suffix(".other")
    found["cp_reflink"] = _timed(lambda: _run("cp", "--reflink=auto", str(path), str(other)))
    other.unlink()
    words = ["qemu-img", "convert", "-f", image_format, "-O", image_format, str(path), str(other)]
    found["convert"] = _timed(lambda: _run(*words))
    other.unlink()
    return found


def _writes(folder: Path) -> Writes:
    base, over = folder / "base.qcow2", folder / "over.qcow2"
    times: dict[str, list[float]] = {"original": [], "first": [], "later": []}
    for _ in range(_ROUNDS):
        _run("qemu-img", "create", "-q", "-f", "qcow2", str(base), "1G")
        _write(base, "qcow2", 1, DATA_MIB)
        times["original"].append(_bench(base))
        _run("qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", str(base), str(over))
        times["first"].append(_bench(over))
        times["later"].append(_bench(over))
        base.unlink()
        over.unlink()
    return Writes(*(round(statistics.median(found), 4) for found in times.values()))


def _bench(path: Path) -> float:
    words = ["qemu-img", "bench", "-w", "-q", "-f", "qcow2", "-s", "4k", "-S", "64k"]
    return _timed(lambda: _run(*words, "-c", str(_WRITES), "-d", "8", str(path)))


def _operation(
    context: Context, domain: Domain, kind: Kind[Any], request: dict[str, Any]
) -> tuple[str, float]:
    operation = kind.make(Work(context, domain.uuid, request))

    def done() -> None:
        operation.begin()
        runner.run(operation.steps())

    seconds = _timed(done)
    return str(operation.result().get("id", "")), seconds


def _delete(context: Context, domain: Domain, point: str) -> tuple[str, float]:
    return _operation(context, domain, DELETE, {"points": [point], "later": False})


def _active(domain: Domain) -> Path:
    source = etree.fromstring(domain.xml().encode()).find("devices/disk/source")
    assert source is not None
    return Path(str(source.get("file")))


def _definition(path: Path, image_format: str) -> str:
    return (
        "<domain type='qemu'><name>bench-backup</name><memory unit='MiB'>64</memory>"
        "<os><type arch='x86_64' machine='pc'>hvm</type></os><devices>"
        f"<disk type='file' device='disk'><driver name='qemu' type='{image_format}'/>"
        f"<source file='{path}'/><target dev='vda' bus='virtio'/></disk></devices></domain>"
    )


def _write(path: Path, image_format: str, pattern: int, mib: int) -> None:
    command = f"write -q -P {pattern} 0 {mib}M"
    _run("qemu-io", "-f", image_format, "-c", command, "-c", "flush", str(path))


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _run(*words: str) -> None:
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


def main(arguments: list[str] | None = None) -> int:
    """Measure on an embedded host, below the folder for temporary files; print and record."""
    output = record.folder_of(arguments, "backup")
    folder = Path(tempfile.mkdtemp(prefix="lb-bench-", dir=os.environ.get("TMPDIR", "/var/tmp")))
    try:
        with connect("embed", state_dir=folder) as host:
            figures = measure(host, folder)
        show(figures, Console(width=150))
        print(f"record: {record.keep('backup', asdict(figures), output)}")
        return 0
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
