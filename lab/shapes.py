"""Disks laid out as distributions other than Debian lay theirs out, built once, kept in the cache.

What they are and are not is in ``lab.shape``. ``python -m lab shape NAME DISK`` makes a copy.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Final

from lab import cache, shape
from lab.layout import Firmware
from lab.root import Progress
from lab.shape import alpine, arch, parts, rpm

DISK_NAME: Final = "disk.raw"


class Shape(StrEnum):
    """One distribution's way to lay out a disk."""

    FEDORA = "fedora"  # UEFI, GPT; ESP, /boot on ext4, root on XFS; loader entries
    EL8 = "el8"  # BIOS, MBR; /boot and root on XFS; entries with $kernelopts
    EL8_UEFI = "el8-uefi"  # the same on UEFI: grub.cfg and grubenv on the ESP
    ALPINE = "alpine"  # BIOS, MBR; /boot on ext4, swap, root on ext4; EXTLINUX, OpenRC, musl
    ARCH = "arch"  # UEFI, GPT; ESP at /boot, root on ext4; systemd-boot
    ARCH_GRUB = "arch-grub"  # BIOS, MBR; root on ext4; GRUB

    @property
    def firmware(self) -> Firmware:
        """The firmware that it is laid out for."""
        uefi = self in (Shape.FEDORA, Shape.EL8_UEFI, Shape.ARCH)
        return Firmware.UEFI if uefi else Firmware.BIOS


_BUILDERS: Final[dict[Shape, Callable[[Path, parts.Parts], None]]] = {
    Shape.FEDORA: partial(rpm.build, variant=rpm.FEDORA),
    Shape.EL8: partial(rpm.build, variant=rpm.EL8),
    Shape.EL8_UEFI: partial(rpm.build, variant=rpm.EL8_UEFI),
    Shape.ALPINE: alpine.build,
    Shape.ARCH: partial(arch.build, grub=False),
    Shape.ARCH_GRUB: partial(arch.build, grub=True),
}


def get(base: Path, wanted: Shape, progress: Progress) -> Path:
    """The raw image of this shape, never written again; built where it is missing.

    Needs root, for owners of files and a loop device. Raises BuildFailed.
    """
    folder = Path(shape.__path__[0])
    names = [path for path in sorted(folder.glob("*.py")) if path.stem != "faults"]
    sources = [path.read_text(encoding="utf-8") for path in names]
    ready = parts.get(base, progress)

    def build(entry: Path) -> None:
        progress(f"laying out the shape '{wanted}'")
        work = entry / "work"
        work.mkdir()
        _BUILDERS[wanted](work / DISK_NAME, ready)
        (work / DISK_NAME).rename(entry / DISK_NAME)
        shutil.rmtree(work)

    entry_key = cache.key(parts.key(), *sources)
    return cache.keep(base, f"shape-{wanted}", entry_key, build) / DISK_NAME
