"""The kernel: none in /boot, or the image is cut off or no kernel."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from .. import grub
from ..change import PutFile
from ..formats import bls
from ..kernels import RESCUE, Kernel, kernels, kind, module_versions
from ..model import Dpkg, Evidence, Finding, Link, Repair, Severity
from ..packages import dpkg
from ..patient import Patient
from ..restoring import from_packages

ID = "kernel-image"
LINK = Link.KERNEL
TITLE = "a kernel is in /boot, and whole"
READS = "/boot/vmlinuz-*, /usr/lib/modules/VERSION/vmlinuz, the package database"
NEEDS_ROOT = True
DPKG = Dpkg.REPAIRS


def examine(patient: Patient) -> Iterator[Finding]:
    """A finding for no kernel at all, else for each damaged one."""
    found = kernels(patient.files)
    if not found:
        if not _elsewhere(patient):
            yield _none(patient)
        return
    for number, kernel in enumerate(found):
        yield from _damaged(patient, kernel, newest=number == 0)


def _elsewhere(patient: Patient) -> bool:
    """Kernels that lie in other places by design: unified images, systemd-boot's entries."""
    tree = patient.files
    place = patient.esp_folder
    if place and any(name.endswith(".efi") for name in tree.names(f"{place}/EFI/Linux")):
        return True
    if any(name.startswith("vmlinu") and RESCUE not in name for name in tree.names("/boot")):
        return True
    named = [
        f"{volume}{bls.parse(tree.text(f'{folder}/{name}', 65536) or '').linux}"
        for volume, folder in (("/boot", grub.ENTRIES), (place, f"{place}/loader/entries"))
        for name in tree.names(folder)[:200]
    ]
    return any(tree.is_file(path) for path in named if RESCUE not in path)


def _kept(patient: Patient, path: str) -> tuple[str, bytes]:
    """The kernel that its package keeps beside its modules, by its name in /boot, and whole.

    So have Fedora and its kin, and Arch; what is in /boot is a copy of that. ``path`` empty: of
    the newest.
    """
    for release in module_versions(patient.files):
        name = f"/boot/vmlinuz-{kind(patient.files, release) or release}"
        if path not in ("", name):
            continue
        data = patient.files.read(f"/usr/lib/modules/{release}/vmlinuz") or b""
        if data and not _fault(data, len(data))[0]:
            return name, data
    return "", b""


def _copied(patient: Patient, path: str) -> Repair | None:
    name, data = _kept(patient, path)
    if not data:
        return None
    return Repair("copy it from beside its modules", (PutFile(name, data, 0o755),))


def _none(patient: Patient) -> Finding:
    paths = [f"/boot/{name}" for name in _packaged(patient)]
    repair = (from_packages(patient, paths) if paths else None) or _copied(patient, "")
    newest = next(iter(module_versions(patient.files)), "VERSION")
    return Finding(
        ID,
        LINK,
        Severity.STOPS_BOOT,
        "there is no kernel in /boot",
        "The boot loader has nothing to load.",
        (Evidence("/boot", paths[0] if paths else "vmlinuz-VERSION", "no kernel"),),
        repair,
        patient.distribution.kernel(kind(patient.files, newest) or newest, newest),
    )


def _packaged(patient: Patient) -> list[str]:
    """The kernels that the package database has, newest last named first."""
    database = dpkg.database(patient)
    if database is None:
        return []
    return [
        path.rpartition("/")[2]
        for name in database.packages
        if name.startswith(("linux-image-", "linux-modules-"))
        for path in database.files(name)
        if path.startswith("/boot/vmlinuz-")
    ]


def _damaged(patient: Patient, kernel: Kernel, *, newest: bool) -> Iterator[Finding]:
    path = f"/boot/{kernel.name}"
    data = patient.files.read(path, 1 << 16) or b""
    found = patient.files.stat(path)
    size = found.st_size if found else 0
    fault, expected = _fault(data, size)
    if not fault:
        return
    repair = from_packages(patient, [path]) or _copied(patient, path)
    yield Finding(
        ID,
        LINK,
        Severity.STOPS_BOOT if newest else Severity.WARNING,
        f"the kernel {path} is {fault}",
        "The boot loader refuses it, or it stops while it unpacks itself.",
        (Evidence(path, expected, f"{size} bytes, {fault}"),),
        repair,
        patient.distribution.kernel(kernel.version, kernel.release),
    )


def _fault(data: bytes, size: int) -> tuple[str, str]:
    """What is wrong with an x86 kernel image, and what was expected; others are passed over."""
    if size == 0:
        return "empty", "a kernel"
    if data[56:60] == b"ARMd" or data[:2] == b"\x1f\x8b" or data[:4] == b"\x7fELF":
        return "", ""  # of another architecture
    if len(data) < 0x300 or data[0x202:0x206] != b"HdrS":
        return "no kernel", "a kernel's header"
    sectors = data[0x1F1] or 4
    length = struct.unpack_from("<I", data, 0x1F4)[0] * 16
    wanted = (sectors + 1) * 512 + length
    return ("cut off", f"at least {wanted} bytes") if size < wanted else ("", "")
