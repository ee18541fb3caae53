"""The GUID partition table: one of its two copies damaged while the other is whole."""

from __future__ import annotations

from collections.abc import Iterator

from ..change import Change, WriteBlocks
from ..disk import Disk
from ..formats import gpt, mbr
from ..model import Dpkg, Evidence, Finding, Link, Repair, Severity
from ..patient import Patient

ID = "table-gpt"
LINK = Link.PARTITION_TABLE
TITLE = "both copies of the GUID partition table are whole, and the protective MBR is there"
READS = "the first and last sectors of each disk"
NEEDS_ROOT = False
DPKG = Dpkg.UNUSED


def examine(patient: Patient) -> Iterator[Finding]:
    """Findings about each disk that is divided by a GPT."""
    for disk in patient.own_disks:
        if not disk.is_gpt():
            continue
        first, last = disk.gpt(backup=False), disk.gpt(backup=True)
        if first is None and last is not None:
            yield _primary(patient, disk, last)
        elif first is not None and last is None:
            yield from _backup(disk, first)
        sector = disk.sector(0)
        if not mbr.signed(sector) or not _protected(sector):
            yield _protective(patient, disk, sector)


def _protected(sector: bytes) -> bool:
    return any(entry.kind == mbr.PROTECTIVE for entry in mbr.entries(sector))


def _primary(patient: Patient, disk: Disk, good: gpt.Table) -> Finding:
    restored = patient.firmware == "uefi"
    header = gpt.mirrored(good, own=1, other=good.own_sector, entries_sector=2)
    changes: tuple[Change, ...] = (
        WriteBlocks(disk.path, 1024, good.raw_entries, "partition entries"),
        WriteBlocks(disk.path, 512, header, "primary GPT header"),
    )
    return Finding(
        ID,
        LINK,
        Severity.WARNING if restored else Severity.STOPS_BOOT,
        f"the primary GPT of {disk.name} is damaged, its backup is whole",
        "UEFI firmware of virtual machines writes it from the backup as it starts; other may not."
        if restored
        else "GRUB and Linux look at the primary alone, and see no partitions.",
        (Evidence(disk.path, "a header with a right checksum", "none", 512),),
        Repair("write the primary table from the backup", changes),
        (f"sgdisk --load-backup=FILE or gdisk {disk.path}: r, b, w",),
    )


def _backup(disk: Disk, good: gpt.Table) -> Iterator[Finding]:
    elsewhere = gpt.read_table(disk.read, good.other_sector)
    if elsewhere is not None:
        yield Finding(
            ID,
            LINK,
            Severity.NOTE,
            f"the backup GPT of {disk.name} is not at its end: the disk has grown",
            "It boots all the same; the new space cannot be used before that is mended.",
            (Evidence(disk.path, "a header in the last sector", "none", disk.size - 512),),
            None,
            (f"sgdisk -e {disk.path}",),
        )
        return
    own = disk.sectors - 1
    entries = own - len(good.raw_entries) // 512
    parts = disk.parts()
    if good.other_sector != own or any(one.start + one.size > entries * 512 for one in parts):
        return
    header = gpt.mirrored(good, own=own, other=1, entries_sector=entries)
    changes: tuple[Change, ...] = (
        WriteBlocks(disk.path, entries * 512, good.raw_entries, "partition entries"),
        WriteBlocks(disk.path, own * 512, header, "backup GPT header"),
    )
    yield Finding(
        ID,
        LINK,
        Severity.WARNING,
        f"the backup GPT of {disk.name} is damaged",
        "It boots; should the primary be damaged too, all partitions are lost.",
        (Evidence(disk.path, "a header with a right checksum", "none", own * 512),),
        Repair("write the backup table from the primary", changes),
    )


def _protective(patient: Patient, disk: Disk, sector: bytes) -> Finding:
    size = min(disk.sectors - 1, 0xFFFFFFFF)
    entry = b"\0\0\x02\0\xee\xff\xff\xff" + (1).to_bytes(4, "little") + size.to_bytes(4, "little")
    table = (entry + bytes(48)) if not _protected(sector) else sector[446:510]
    stops = patient.firmware == "bios" or not mbr.signed(sector)
    return Finding(
        ID,
        LINK,
        Severity.STOPS_BOOT if stops else Severity.WARNING,
        f"the protective MBR in front of the GPT of {disk.name} is damaged",
        "Firmware and Linux take the disk for one without a GPT.",
        (Evidence(disk.path, "an entry of type ee, and 55 aa", sector[446:512].hex()[:60], 446),),
        Repair(
            "write the protective MBR",
            (WriteBlocks(disk.path, 446, table + mbr.SIGNATURE, "protective MBR"),),
        ),
    )
