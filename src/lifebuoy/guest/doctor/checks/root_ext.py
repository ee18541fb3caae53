"""ext4 and its elders: the superblock damaged while backups are whole; errors recorded or found."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from .. import mounting
from ..change import CheckFileSystem
from ..formats import ext
from ..model import Dpkg, Evidence, Finding, Link, Repair, Risk, Severity
from ..patient import Patient
from ..volume import Volume

ID = "root-ext"
LINK = Link.ROOT_FILE_SYSTEM
TITLE = "ext file systems have a whole superblock and no recorded errors"
READS = "superblocks and their backups; e2fsck -n where errors are recorded"
NEEDS_ROOT = False
DPKG = Dpkg.UNUSED
_LINUX = ("83", "0fc63daf-8483-4772-8e79-3d69d8477de4", "4f68bce3-e8cd-4db1-96e7-fbcaf984b709")
MOST_METADATA = 128 << 20
_UNCORRECTED = 4  # a bit of fsck's exit code
_CHECK = ("e2fsck", "-f", "-y", "-z", "{undo}")


def examine(patient: Patient) -> Iterator[Finding]:
    """Findings about every volume that is, or was, an ext file system."""
    for volume in patient.volumes:
        if volume.kind in ("ext2", "ext3", "ext4"):
            block = ext.parse(volume.read(1024, 1024))
            if block is None:
                yield from _superblock(volume)
            elif block.errors:
                yield from _errors(patient, volume, block)
            elif volume in [one for one, _ in patient.refused]:
                yield from _refused(patient, volume)
        elif not volume.kind and _may_hold_linux(volume):
            yield from _superblock(volume)


def _may_hold_linux(volume: Volume) -> bool:
    return volume.part is None or volume.part.kind in _LINUX


def _superblock(volume: Volume) -> Iterator[Finding]:
    found = ext.backup(volume.read, volume.size)
    if found is None:
        return
    block, good = found
    argv = (*_CHECK, "-b", str(block), "-B", str(good.block_size), "{device}")
    yield Finding(
        ID,
        LINK,
        Severity.STOPS_BOOT,
        f"the superblock of {volume.name} is damaged, its backup in block {block} is whole",
        "The file system cannot be mounted.",
        (Evidence(volume.name, "an ext superblock", "none that makes sense", 1024),),
        Repair(
            "restore it from the backup and check the file system",
            (CheckFileSystem(volume.name, argv),),
            Risk.LOW,
        ),
        (f"e2fsck -b {block} -B {good.block_size} -y DEVICE, after a backup point",),
    )


def _said(volume: Volume) -> tuple[int, str]:
    """What e2fsck finds without writing: its exit code and the first complaint."""
    with mounting.attached(volume, writable=False) as device:
        done = mounting.run(["e2fsck", "-f", "-n", device], 1800)
    lines = [line for line in done.stdout.splitlines() if line and not line.startswith("Pass")]
    return done.returncode, lines[0] if lines else ""


def _stops_boot(patient: Patient, volume: Volume, block: ext.Superblock) -> bool | None:
    """Whether the check that a boot makes would ask for a manual one; None where that is not known.

    It is made on a copy of the file system's metadata, where that is small enough.
    """
    copy = os.path.join(patient.work, "metadata")
    if not patient.work or block.inode_table_bytes > MOST_METADATA:
        return None
    if shutil.disk_usage(patient.work).free < 2 * MOST_METADATA:
        return None
    try:
        with mounting.attached(volume, writable=False) as device:
            if mounting.run(["e2image", "-r", device, copy]).returncode != 0:
                return None
        return bool(mounting.run(["e2fsck", "-p", copy]).returncode & _UNCORRECTED)
    except subprocess.TimeoutExpired:
        return None
    finally:
        Path(copy).unlink(missing_ok=True)


def _errors(patient: Patient, volume: Volume, block: ext.Superblock) -> Iterator[Finding]:
    _, complaint = _said(volume)
    stops = _stops_boot(patient, volume, block)
    why = {
        True: "The check at boot finds what it must not mend by itself, and stops there.",
        False: "The check at boot takes long, and mends what it finds.",
        None: "The check at boot may stop and ask for a manual one.",
    }
    yield Finding(
        ID,
        LINK,
        Severity.STOPS_BOOT if stops else Severity.WARNING,
        f"the kernel has recorded errors in the file system {volume.name}",
        why[stops],
        (Evidence(volume.name, "state clean", complaint or "errors recorded", 1024 + 58),),
        Repair(
            "check it, with every fault mended",
            (CheckFileSystem(volume.name, (*_CHECK, "{device}")),),
            Risk.LOW,
        ),
        ("e2fsck -f -y DEVICE, after a backup point",),
    )


def _refused(patient: Patient, volume: Volume) -> Iterator[Finding]:
    said = next(text for one, text in patient.refused if one is volume)
    code, complaint = _said(volume)
    yield Finding(
        ID,
        LINK,
        Severity.STOPS_BOOT,
        f"the file system {volume.name} cannot be mounted",
        said,
        (Evidence(volume.name, "no complaint by e2fsck -n", complaint or str(code)),),
        Repair(
            "check it, with every fault mended",
            (CheckFileSystem(volume.name, (*_CHECK, "{device}")),),
            Risk.LOW,
        ),
    )
