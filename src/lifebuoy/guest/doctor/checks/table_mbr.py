"""The master boot record: its signature gone, or no active partition where one is needed."""

from __future__ import annotations

from collections.abc import Iterator

from ..change import WriteBlocks
from ..disk import Disk
from ..formats import grubcore, mbr
from ..model import Dpkg, Evidence, Finding, Link, Repair, Severity
from ..patient import Patient

ID = "table-mbr"
LINK = Link.PARTITION_TABLE
TITLE = "the master boot record is signed, and a partition is active where that is needed"
READS = "the first sector of each disk"
NEEDS_ROOT = False
DPKG = Dpkg.UNUSED
_LINUX = {0x83, 0x8E, 0xFD, 0x05, 0x0F, 0x82}


def examine(patient: Patient) -> Iterator[Finding]:
    """Findings about each disk that is divided by an MBR."""
    for disk in patient.own_disks:
        sector = disk.sector(0)
        if len(sector) < 512 or disk.is_gpt():
            continue
        if not mbr.signed(sector) and mbr.plausible(sector, disk.sectors) and _has_volumes(disk):
            yield _unsigned(disk, sector)
        elif patient.firmware == "bios" and disk is patient.boot_disk and disk.parts():
            yield from _inactive(patient, disk, sector)


def _has_volumes(disk: Disk) -> bool:
    """Whether something is where the entries point, so that they are no chance bytes."""
    from ..volume import find_volumes

    return any(volume.kind for volume in find_volumes([disk]) if volume.part is not None)


def _unsigned(disk: Disk, sector: bytes) -> Finding:
    return Finding(
        ID,
        LINK,
        Severity.STOPS_BOOT,
        f"the signature 55 AA of the master boot record of {disk.name} is gone",
        "The BIOS takes the disk for not bootable, and Linux sees no partitions on it.",
        (Evidence(disk.path, "55 aa", sector[510:512].hex(" "), 510),),
        Repair("write the signature", (WriteBlocks(disk.path, 510, mbr.SIGNATURE, "signature"),)),
    )


def _inactive(patient: Patient, disk: Disk, sector: bytes) -> Iterator[Finding]:
    entries = mbr.entries(sector)
    if any(entry.active for entry in entries) or not sector[:440].strip(b"\0"):
        return
    needed = not grubcore.is_boot_sector(sector)
    volume = patient.boot_volume
    number = volume.part.number if volume is not None and volume.part is not None else 0
    entry = next((one for one in entries if one.number == number), None)
    if entry is None or entry.kind not in _LINUX:
        return
    offset = 446 + 16 * (entry.number - 1)
    yield Finding(
        ID,
        LINK,
        Severity.STOPS_BOOT if needed else Severity.NOTE,
        f"no partition of {disk.name} is active",
        "The boot code looks for the active partition."
        if needed
        else "GRUB needs none; some BIOSes do not start a disk without one.",
        (Evidence(disk.path, "80 in one entry", "00 in all", offset),),
        Repair(
            f"make partition {entry.number} active",
            (WriteBlocks(disk.path, offset, b"\x80", "active flag"),),
        ),
    )
