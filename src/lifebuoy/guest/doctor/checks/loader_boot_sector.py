"""The BIOS's way into GRUB: boot sector zeroed or foreign, core image damaged or too old."""

from __future__ import annotations

from collections.abc import Iterator

from .. import grub
from ..disk import Disk
from ..formats import grubcore
from ..model import Dpkg, Evidence, Finding, Link, Severity
from ..patient import Patient

ID = "loader-boot-sector"
LINK = Link.BOOT_LOADER
TITLE = "the boot sector is GRUB's, its core image is whole and fits the modules in /boot"
READS = "the first sector of the disk, GRUB's core image behind it, /boot/grub/i386-pc"
NEEDS_ROOT = True
DPKG = Dpkg.UNUSED
MOST_CORE = 4 << 20


def examine(patient: Patient) -> Iterator[Finding]:
    """At most one finding, about the disk that holds /boot."""
    disk = patient.boot_disk
    if patient.firmware != "bios" or disk is None or not grub.used(patient):
        return
    core = grubcore.embedded(disk.read)
    if core is None:
        others = [one for one in patient.disks if one is not disk]
        if any((grubcore.embedded(one.read) or core) is not None for one in others):
            return  # another disk of this machine leads in
        if not _led_on(patient, disk):
            yield _no_sector(patient, disk)
        return
    place = f"{grub.folder(patient)}/i386-pc"
    if not core.intact:
        good = patient.files.read(f"{place}/core.img", MOST_CORE) or b""
        small = grubcore.made_up_for(core.data, good)
        yield _finding(
            patient,
            disk,
            "GRUB's core image behind the boot sector is damaged",
            "GRUB still makes up for it by the redundancy behind it."
            if small
            else "The boot sector loads it and runs into rubbish, or stops with 'Read Error'.",
            Evidence(disk.path, "a core image that can be unpacked", "it cannot", 512),
            Severity.WARNING if small else Severity.STOPS_BOOT,
        )
    else:
        missing = grub.unresolved(patient, core, place)
        if missing:
            yield _finding(
                patient,
                disk,
                f"GRUB's core image on {disk.name} lacks '{missing[0]}', which its modules need",
                f"GRUB stops with: symbol '{missing[0]}' not found. An update put new modules into "
                "/boot, but the core image on another disk, or on none.",
                Evidence(disk.path, f"the symbol {missing[0]}", f"{len(missing)} missing", 512),
            )


def _led_on(patient: Patient, disk: Disk) -> bool:
    """Whether plain boot code hands over to an active partition that has GRUB or another loader."""
    code = disk.sector(0)[:440]
    if not code.strip(b"\0"):
        return False
    for part in disk.parts():
        if part.active:
            sector = disk.read(part.start, 512)
            return sector[510:512] == b"\x55\xaa" and bool(sector[:400].strip(b"\0"))
    return False


def _no_sector(patient: Patient, disk: Disk) -> Finding:
    code = disk.sector(0)[:440]
    empty = not code.strip(b"\0")
    state = "empty" if empty else "not GRUB's"
    return _finding(
        patient,
        disk,
        f"the boot code in the first sector of {disk.name} is {state}",
        "The BIOS starts it and nothing follows."
        if empty
        else "The BIOS starts something else than this system's boot loader.",
        Evidence(disk.path, "GRUB's boot code", "zeros" if empty else "foreign code", 0),
    )


def _finding(
    patient: Patient,
    disk: Disk,
    seen: str,
    why: str,
    evidence: Evidence,
    severity: Severity = Severity.STOPS_BOOT,
) -> Finding:
    repair = grub.install(patient, disk)
    by_hand = (patient.distribution.commands.grub_bios,)
    return Finding(ID, LINK, severity, seen, why, (evidence,), repair, by_hand)
