"""GRUB's own files in /boot: the folder or its modules are gone or empty."""

from __future__ import annotations

from collections.abc import Iterator

from .. import grub
from ..change import Change, PutFile
from ..model import Dpkg, Evidence, Finding, Link, Repair, Severity
from ..patient import Patient

ID = "loader-grub-files"
LINK = Link.BOOT_LOADER
TITLE = "GRUB finds its modules in /boot"
READS = "/boot/grub/i386-pc or x86_64-efi, /usr/lib/grub"
NEEDS_ROOT = True
DPKG = Dpkg.UNUSED
_NEEDED = ("normal.mod", "linux.mod", "boot.mod", "test.mod", "moddep.lst", "command.lst", "fs.lst")


def examine(patient: Patient) -> Iterator[Finding]:
    """One finding at most."""
    if not grub.used(patient):
        return
    place = f"{grub.folder(patient)}/{grub.platform(patient)}"
    tree = patient.files
    whole = patient.firmware == "uefi" and patient.distribution.packaged_grub
    if whole and not tree.exists(place):
        return  # a signed GRUB holds its modules; where packages bring it there is no folder
    names = set(tree.names(place))
    packaged = f"/usr/lib/grub/{grub.platform(patient)}"
    source = {name for name in tree.names(packaged) if name.endswith((".mod", ".lst"))}
    source -= {"fdt.lst"}
    if _version(patient, place) not in ("", _version(patient, packaged)):
        source = set()  # upgraded since: what is in /boot is of the version that was installed
    wanted = set(_NEEDED) | (source if len(names) > len(source) // 2 else set())
    missing = sorted(name for name in wanted if name not in names)
    empty = sorted(name for name in names & wanted if _is_empty(patient, f"{place}/{name}"))
    wrong = [*missing, *empty]
    if not wrong:
        return
    fatal = patient.firmware == "bios" and bool(set(wrong) & set(_NEEDED))
    yield Finding(
        ID,
        LINK,
        Severity.STOPS_BOOT if fatal else Severity.WARNING,
        f"{len(wrong)} of GRUB's files are missing or empty in {place}, such as {wrong[0]}",
        "GRUB starts, does not find them and stops at its rescue prompt.",
        tuple(Evidence(f"{place}/{name}", "GRUB's file", "missing") for name in wrong[:5]),
        _repair(patient, set(wrong)),
        (
            f"copy them from /usr/lib/grub/{grub.platform(patient)}, or: "
            + patient.distribution.commands.grub_bios,
        ),
    )


def _version(patient: Patient, place: str) -> str:
    return grub.version_of(patient.files.text(f"{place}/modinfo.sh"))


def _is_empty(patient: Patient, path: str) -> bool:
    data = patient.files.read(path, 4)
    return not data or (path.endswith(".mod") and data != b"\x7fELF")


def _repair(patient: Patient, wrong: set[str]) -> Repair | None:
    files = grub.module_files(patient)
    names = {one.path.rpartition("/")[2] for one in files if isinstance(one, PutFile)}
    if not wrong <= names:
        return None
    changes: list[Change] = list(files)
    if patient.firmware == "bios":
        disk = patient.boot_disk
        whole = grub.install(patient, disk) if disk is not None else None
        if whole is not None:
            changes = [*files, *whole.changes[-2:]]
            core = [one for one in whole.changes if _is_core(one)]
            changes = [*files, *core, *whole.changes[-2:]]
    return Repair(
        f"put {len(files)} files of GRUB back, and its core image that fits", tuple(changes)
    )


def _is_core(change: Change) -> bool:
    return isinstance(change, PutFile) and change.path.endswith("/core.img")
