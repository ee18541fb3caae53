"""The root or /boot is full: services that write at their start fail, and updates are cut off."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from ..change import Change, Remove
from ..model import Dpkg, Evidence, Finding, Link, Repair, Risk, Severity
from ..patient import Patient

ID = "root-full"
LINK = Link.ROOT_FILE_SYSTEM
TITLE = "the root file system has room, in bytes and inodes"
READS = "statvfs, the caches of apt, dnf, apk and pacman, rotated files of /var/log"
NEEDS_ROOT = True
DPKG = Dpkg.UNUSED
LEAST_BYTES = 1 << 20
_ROTATED = re.compile(r"\.(gz|xz|zst|bz2|old|[0-9]+)$|-[0-9]{8}(\.gz|\.xz)?$|@[0-9a-f-]+\.journal$")
_CACHES = (
    "/var/cache/apt/archives",
    "/var/cache/dnf",
    "/var/cache/libdnf5",
    "/var/cache/yum",
    "/var/cache/apk",
    "/var/cache/pacman/pkg",
)
_XFS_FEATURES = 212  # bytes from the start: sb_features_ro_compat, of which rmapbt is one bit
_XFS_OWNERS = 2
_PACKAGES = (".deb", ".rpm", ".apk", ".pkg.tar.zst", ".pkg.tar.xz")


def examine(patient: Patient) -> Iterator[Finding]:
    """A finding for each full file system."""
    for folder in ("/", "/boot", "/var"):
        if folder not in patient.files.places:
            continue
        space = os.statvfs(patient.files.places[folder])
        room = space.f_bavail * space.f_frsize - _reserved(patient, folder, space)
        few_inodes = space.f_files > 0 and space.f_favail < 16
        if (room >= LEAST_BYTES and not few_inodes) or space.f_blocks == 0:
            continue
        what = "inode" if few_inodes and room >= LEAST_BYTES else "byte"
        yield Finding(
            ID,
            LINK,
            Severity.WARNING,
            f"the file system of {folder} has no {what} left",
            "Services that write at their start fail, logins may, and updates leave halves behind.",
            (
                Evidence(
                    folder, f"{LEAST_BYTES} bytes, 16 inodes", f"{max(room, 0)}, {space.f_favail}"
                ),
            ),
            _repair(patient) if folder != "/boot" else None,
            ("du -xh /mnt/vm1 | sort -h | tail -30   shows where the room went",),
        )


def _reserved(patient: Patient, folder: str, space: os.statvfs_result) -> int:
    """What XFS keeps back as soon as it is mounted for writing; read-only it counts as free."""
    volume = patient.boot if folder == "/boot" else patient.root
    if volume is None or volume.kind != "xfs":
        return 0
    # a pool for its own work (of a small one, somewhat more than the documented twentieth), and
    # room in each group for the trees that track reference counts, free inodes and, where it has
    # that (xfsprogs 6.5 on), who owns which block
    features = int.from_bytes(volume.read(_XFS_FEATURES, 4), "big")
    trees = space.f_blocks // 128 + (space.f_blocks // 100 if features & _XFS_OWNERS else 0)
    return (min(8192, space.f_blocks // 16) + trees) * space.f_frsize


def _repair(patient: Patient) -> Repair | None:
    """Cached packages and rotated logs go; they are kept with the undo."""
    tree = patient.files
    changes: list[Change] = []
    size = 0
    for folder in _CACHES:
        for path in tree.walk(folder, 5000):
            if path.endswith(_PACKAGES):
                size += _size(patient, path)
                changes.append(Remove(path))
    for path in tree.walk("/var/log", 20_000):
        if _ROTATED.search(path):
            size += _size(patient, path)
            changes.append(Remove(path))
    if size < LEAST_BYTES:
        return None
    return Repair(f"remove cached packages and rotated logs, {size >> 20} MiB", changes, Risk.LOW)


def _size(patient: Patient, path: str) -> int:
    found = patient.files.lstat(path)
    return found.st_size if found else 0
