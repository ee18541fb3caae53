"""EXTLINUX and SYSLINUX on the BIOS: boot code or second stage gone, configuration wrong."""

from __future__ import annotations

from collections.abc import Iterator

from .. import grub, syslinux
from ..change import PutFile, WriteBlocks
from ..disk import Disk
from ..formats import syslinuxcfg
from ..kernels import kernels
from ..model import Dpkg, Evidence, Finding, Link, Repair, Severity
from ..patient import Patient

ID = "loader-syslinux"
LINK = Link.BOOT_LOADER
TITLE = "EXTLINUX is whole, and its default label names a kernel, initramfs and root that exist"
READS = "the first sectors of the disk and of /boot, ldlinux.sys, extlinux.conf or syslinux.cfg"
NEEDS_ROOT = True
DPKG = Dpkg.UNUSED
_BY_HAND = ("chroot the root, then: extlinux --install /boot; update-extlinux",)


def examine(patient: Patient) -> Iterator[Finding]:
    """Findings along its own way: first sector, boot sector of /boot, second stage, menu."""
    disk = patient.boot_disk
    if grub.used(patient) or not syslinux.used(patient) or disk is None or patient.root is None:
        return
    if not disk.sector(0)[:440].strip(b"\0"):
        yield _no_code(patient, disk)
    if not syslinux.has_second_stage(patient):
        yield _finding(
            "ldlinux.sys is missing in /boot",
            "The boot sector looks for it and stops with 'Boot error'.",
            Evidence("/boot/ldlinux.sys", "EXTLINUX's second stage", "missing or empty"),
        )
    volume = patient.boot_volume
    start = volume.read(0, 512) if volume is not None else b""
    if start and not start.strip(b"\0"):
        yield _finding(
            "the boot sector of the partition with /boot is empty",
            "The BIOS starts it and nothing follows.",
            Evidence(volume.name if volume else "/boot", "EXTLINUX's boot sector", "zeros", 0),
        )
    yield from _menu(patient)


def _no_code(patient: Patient, disk: Disk) -> Finding:
    code = syslinux.boot_code(patient, is_gpt=disk.is_gpt())
    repair = None
    if code:
        change = WriteBlocks(disk.path, 0, code, "boot code that starts the active partition")
        repair = Repair("write the boot code anew, from the system's own copy", (change,))
    return _finding(
        f"the boot code in the first sector of {disk.name} is empty",
        "The BIOS starts it and nothing follows.",
        Evidence(disk.path, "code that starts the active partition", "zeros", 0),
        repair,
        ("dd if=/mnt/vm1/usr/share/syslinux/mbr.bin of=/dev/vda bs=440 count=1 conv=notrunc",),
    )


def _menu(patient: Patient) -> Iterator[Finding]:
    path = syslinux.config_path(patient)
    text = patient.files.text(path, 1 << 20)
    config = syslinuxcfg.parse(text or "")
    label = config.chosen()
    if text is None or not text.strip("\0 \n\t"):
        state = "missing" if text is None else "empty"
        yield _wrong(patient, path, f"{path} is {state}", "a menu", state)
    elif label is None and not config.includes:
        yield _wrong(patient, path, f"{path} has no label that boots", "a label", "none")
    elif label is not None and not label.other:
        yield from _label(patient, path, label, config.menu)


def _file(patient: Patient, path: str, name: str) -> str | None:
    """Where a file that a label names lies in the tree."""
    if name.startswith("/"):
        return patient.in_tree(name)
    return None if "::" in name else f"{path.rpartition('/')[0]}/{name}"


def _label(patient: Patient, path: str, label: syslinuxcfg.Label, menu: str) -> Iterator[Finding]:
    tree = patient.files
    place = f"{path} line {label.line}"
    module = _file(patient, path, menu) if menu else None
    if module is not None and not tree.is_file(module):
        seen = f"{path} shows its menu by {menu}, which is not there"
        yield _wrong(patient, path, seen, "a module that exists", menu)
        return
    found = kernels(tree)
    kernel = _file(patient, path, label.linux)
    if kernel is not None and not tree.is_file(kernel):
        seen = f"the default label of {path} names the kernel {label.linux}, which is not there"
        if found:
            yield _wrong(patient, place, seen, "a kernel that exists", label.linux)
        return
    known = next((one for one in found if kernel == f"/boot/{one.name}"), None)
    root = label.argument("root")
    if patient.is_unknown_root(root):
        seen = f"the default label of {path} says root={root}, which no disk has"
        expected = f"root={grub.root_argument(patient)}"
        yield _wrong(patient, place, seen, expected, f"root={root}")
        return
    if known is None or not known.initrd:
        return
    if not label.initrds:
        seen = f"the default label of {path} loads {label.linux} without its initramfs"
        yield _wrong(patient, place, seen, f"INITRD {known.initrd}", "no INITRD line")
    for one in label.initrds:
        inside = _file(patient, path, one)
        if inside is not None and not tree.is_file(inside):
            seen = f"the default label of {path} names the initramfs {one}, which is not there"
            yield _wrong(patient, place, seen, known.initrd, one)
            return


def _wrong(patient: Patient, place: str, seen: str, expected: str, found: str) -> Finding:
    text = syslinux.configuration(patient, grub.root_argument(patient))
    change = PutFile(syslinux.config_path(patient), text.encode(), beside=True)
    return _finding(
        seen,
        "EXTLINUX has nothing to start, or starts what cannot find its root.",
        Evidence(place, expected, found),
        Repair("write it anew, with every kernel that is there", (change,)) if text else None,
        ("chroot the root, then: update-extlinux",),
    )


def _finding(
    seen: str,
    why: str,
    evidence: Evidence,
    repair: Repair | None = None,
    by_hand: tuple[str, ...] = _BY_HAND,
) -> Finding:
    return Finding(ID, LINK, Severity.STOPS_BOOT, seen, why, (evidence,), repair, by_hand)
