"""The EFI system partition: emptied, its loaders damaged, or GRUB's stub leads nowhere."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from .. import grub, systemd_boot
from ..change import Change, PutFile
from ..model import Dpkg, Evidence, Finding, Link, Repair, Severity
from ..patient import Patient

ID = "loader-efi"
LINK = Link.BOOT_LOADER
TITLE = "the EFI system partition holds a loader, whole, that finds GRUB's configuration"
READS = "EFI/ on the EFI system partition, EFI/*/grub.cfg"
NEEDS_ROOT = True
DPKG = Dpkg.UNUSED
_LOADERS = ("shimx64.efi", "grubx64.efi", "bootx64.efi", systemd_boot.NAME, "grub.efi")
_SOURCES = {
    "shimx64.efi": "/usr/lib/shim/shimx64.efi.signed",
    "mmx64.efi": "/usr/lib/shim/mmx64.efi.signed",
    "fbx64.efi": "/usr/lib/shim/fbx64.efi.signed",
    "grubx64.efi": "/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed",
}


def examine(patient: Patient) -> Iterator[Finding]:
    """Findings about the partition, the loaders, and where they lead."""
    if patient.firmware != "uefi":
        return
    place = patient.esp_folder
    if not place:
        yield _no_partition(patient)
        return
    found = _loaders(patient, place)
    if not found:
        yield _emptied(patient, place)
        return
    damaged = [path for path in found if not _is_whole(patient, path)]
    if damaged:
        yield _damaged(patient, place, damaged)
    yield from _stub(patient, place)
    if not any("/boot/bootx64.efi" in path.lower() for path in found):
        yield _no_fallback(patient, place)


def _loaders(patient: Patient, place: str) -> list[str]:
    return [
        f"{place}/EFI/{vendor}/{name}"
        for vendor in patient.files.names(f"{place}/EFI")
        for name in patient.files.names(f"{place}/EFI/{vendor}")
        if name.lower() in _LOADERS
    ]


def _is_whole(patient: Patient, path: str) -> bool:
    """Whether it is an EFI program of its full length, by its section table."""
    data = patient.files.read(path, 16 << 20) or b""
    if data[:2] != b"MZ" or len(data) < 0x40:
        return False
    at = struct.unpack_from("<I", data, 0x3C)[0]
    if data[at : at + 4] != b"PE\0\0" or len(data) < at + 24:
        return False
    count, optional = struct.unpack_from("<H12xH", data, at + 6)
    end = 0
    for number in range(min(count, 96)):
        section = data[at + 24 + optional + 40 * number :][:40]
        if len(section) < 40:
            return False
        size, start = struct.unpack_from("<II", section, 16)
        end = max(end, size + start)
    return 0 < end <= len(data)


def _content(patient: Patient, name: str) -> bytes:
    """The loader as the guest's packages have it, else this system's own where that serves.

    A signed GRUB looks for its stub in the folder of the distribution that signed it.
    """
    data = patient.files.read(_SOURCES[name], 16 << 20) or b""
    ours = patient.distribution.loader_folder == "debian"
    if data[:2] != b"MZ" and ours and Path(_SOURCES[name]).is_file():
        data = Path(_SOURCES[name]).read_bytes()
    return data if data[:2] == b"MZ" else b""


def _stub_text(patient: Patient) -> bytes:
    boot = patient.boot_volume
    assert boot is not None
    inside = patient.path_in_volume(grub.folder(patient).rpartition("/")[2])
    return (
        f"search.fs_uuid {boot.signature.uuid} root\n"
        f"set prefix=($root)'{inside}'\nconfigfile $prefix/grub.cfg\n"
    ).encode()


def _install(patient: Patient, place: str) -> Repair | None:
    if patient.boot_volume is None:
        return None
    vendor = patient.distribution.loader_folder
    if systemd_boot.used(patient) and not grub.used(patient):
        return _systemd(patient, place)
    changes: list[Change] = []
    for name in _SOURCES:
        data = _content(patient, name)
        if data:
            changes.append(PutFile(f"{place}/EFI/{vendor}/{name}", data))
            fallback = "BOOTX64.EFI" if name == "shimx64.efi" else name
            if name != "fbx64.efi":
                changes.append(PutFile(f"{place}/EFI/BOOT/{fallback}", data))
    names = {one.path.rpartition("/")[2] for one in changes if isinstance(one, PutFile)}
    if not {"shimx64.efi", "grubx64.efi"} <= names:
        return None
    changes.append(PutFile(f"{place}/EFI/{vendor}/grub.cfg", _stub_text(patient)))
    return Repair("put shim and GRUB back, at their own and at the fallback path", tuple(changes))


def _systemd(patient: Patient, place: str) -> Repair | None:
    """As bootctl installs it."""
    data = systemd_boot.packaged(patient)
    if not data:
        return None
    paths = (f"{place}/EFI/systemd/{systemd_boot.NAME}", f"{place}/EFI/BOOT/BOOTX64.EFI")
    changes = tuple(PutFile(path, data) for path in paths)
    return Repair("put systemd-boot back, at its own and at the fallback path", changes)


def _no_partition(patient: Patient) -> Finding:
    known = patient.esp is not None
    return Finding(
        ID,
        LINK,
        Severity.STOPS_BOOT,
        "the EFI system partition cannot be read" if known else "there is no EFI system partition",
        "The firmware finds nothing to start.",
        (Evidence("partition table", "a FAT partition of type EFI system", "none that serves"),),
        None,
        (
            "mkfs.vfat -F 32 on the EFI system partition, correct fstab, then:",
            patient.distribution.commands.loader_efi,
        ),
    )


def _emptied(patient: Patient, place: str) -> Finding:
    return Finding(
        ID,
        LINK,
        Severity.STOPS_BOOT,
        "the EFI system partition holds no boot loader",
        "The firmware finds nothing to start, and tries the network or its shell.",
        (Evidence(f"{place}/EFI", "shimx64.efi, grubx64.efi or another loader", "none"),),
        _install(patient, place),
        (patient.distribution.commands.loader_efi,),
    )


def _damaged(patient: Patient, place: str, damaged: list[str]) -> Finding:
    return Finding(
        ID,
        LINK,
        Severity.STOPS_BOOT,
        f"the loader {damaged[0]} is damaged",
        "The firmware cannot start it.",
        tuple(Evidence(path, "a whole EFI program", "cut off or no program") for path in damaged),
        _install(patient, place),
        (patient.distribution.commands.loader_efi,),
    )


def _stub(patient: Patient, place: str) -> Iterator[Finding]:
    """What the signed GRUB reads first; without it there is only a prompt."""
    vendor = patient.distribution.loader_folder
    path = f"{place}/EFI/{vendor}/grub.cfg"
    tree = patient.files
    if not grub.used(patient) or not _wants_stub(patient, f"{place}/EFI/{vendor}"):
        return
    text = tree.text(path, 1 << 20)
    if path == grub.config_path(patient):
        return  # the whole configuration lies here
    uuids = [volume.signature.uuid.lower() for volume in patient.volumes if volume.signature.uuid]
    if text is not None and any(uuid in text.lower() for uuid in uuids):
        return
    if text is not None and text.strip() and "search" not in text:
        return
    yield Finding(
        ID,
        LINK,
        Severity.STOPS_BOOT,
        f"{path} is missing or empty"
        if not (text or "").strip()
        else f"{path} looks for a file system that no disk has",
        "GRUB starts, does not find its configuration and stops at its prompt.",
        (Evidence(path, "the UUID of the volume that holds /boot", (text or "missing")[:100]),),
        Repair("write it for the volume that holds /boot", (PutFile(path, _stub_text(patient)),)),
    )


def _wants_stub(patient: Patient, folder: str) -> bool:
    """Whether this GRUB looks in the folder that it lies in: one that grub-install made does not.

    The prefix that it was made with stands in it as text.
    """
    data = (patient.files.read(f"{folder}/grubx64.efi", 16 << 20) or b"").lower()
    return f"/efi/{folder.rpartition('/')[2]}".encode() in data


def _no_fallback(patient: Patient, place: str) -> Finding:
    return Finding(
        ID,
        LINK,
        Severity.NOTE,
        "there is no loader at the fallback path EFI/BOOT/BOOTX64.EFI",
        "It boots only as long as the firmware remembers its entry; a new NVRAM does not.",
        (Evidence(f"{place}/EFI/BOOT/BOOTX64.EFI", "a loader", "missing"),),
        _install(patient, place),
    )
