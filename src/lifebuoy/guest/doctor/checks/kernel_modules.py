"""The kernel's modules: the folder of the kernel that boots is gone, or has no index."""

from __future__ import annotations

from collections.abc import Iterator

from ..change import Change, RunOutside
from ..kernels import kernels, kind
from ..model import Dpkg, Evidence, Finding, Link, Repair, Severity
from ..packages import dpkg
from ..patient import Patient
from ..restoring import from_packages

ID = "kernel-modules"
LINK = Link.KERNEL
TITLE = "the newest kernel has its modules"
READS = "/lib/modules/VERSION, /boot/config-VERSION"
NEEDS_ROOT = True
DPKG = Dpkg.REPAIRS


def examine(patient: Patient) -> Iterator[Finding]:
    """One finding at most, about the newest kernel."""
    found = kernels(patient.files)
    if not found or not patient.files.is_folder("/lib"):
        return
    version = found[0].release
    if not version:
        return  # nothing says which modules are its
    folder = f"/lib/modules/{version}"
    tree = patient.files
    index = [f"/lib/modules/{version}/modules.dep", f"/lib/modules/{version}/modules.dep.bin"]
    if not tree.is_folder(folder) or not tree.is_folder(f"{folder}/kernel"):
        if _monolithic(patient, version):
            return
        yield _gone(patient, version, folder)
    elif not any((tree.stat(path) or _EMPTY).st_size for path in index):
        saves = tuple(f"{folder}/{name}" for name in _INDEX)
        yield Finding(
            ID,
            LINK,
            _severity(patient, version),
            f"the index of the modules in {folder} is missing or empty",
            "modprobe finds no module: no network, no further file systems.",
            (Evidence(f"{folder}/modules.dep", "an index", "missing or empty"),),
            Repair("make it anew", (RunOutside(("depmod", "-b", "{root}", version), saves),)),
            (f"depmod -b /mnt/vm1 {version}",),
        )


#: the kernel's options for file systems, where they are built in they need no module
_OPTIONS = {
    "ext2": "EXT4_FS",
    "ext3": "EXT4_FS",
    "ext4": "EXT4_FS",
    "xfs": "XFS_FS",
    "btrfs": "BTRFS_FS",
    "vfat": "VFAT_FS",
}


class _Empty:
    st_size = 0


_EMPTY = _Empty()
_INDEX = (
    "modules.dep",
    "modules.dep.bin",
    "modules.alias",
    "modules.alias.bin",
    "modules.symbols",
    "modules.symbols.bin",
    "modules.softdep",
    "modules.devname",
    "modules.builtin.bin",
    "modules.builtin.alias.bin",
)


def _severity(patient: Patient, version: str) -> Severity:
    """It stops in emergency mode where it must mount a kind that the initramfs did not load."""
    root = patient.root
    config = _config(patient, version) or ""
    for line in patient.fstab():
        if line.optional or line.malformed or line.network or line.where == "/":
            continue
        volume = patient.called(line.source)
        if volume is None or root is None or volume.kind in (root.kind, "swap"):
            continue
        if f"\nCONFIG_{_OPTIONS.get(volume.kind, '')}=y\n" not in config:
            return Severity.STOPS_BOOT
    return Severity.WARNING


def _config(patient: Patient, version: str) -> str | None:
    """With what the kernel was built, where that is kept: in /boot, or beside its modules."""
    tree = patient.files
    own = tree.text(f"/boot/config-{version}", 1 << 20)
    return own if own is not None else tree.text(f"/usr/lib/modules/{version}/config", 1 << 20)


def _monolithic(patient: Patient, version: str) -> bool:
    """A kernel without modules, as its own configuration says."""
    text = _config(patient, version)
    return text is not None and "CONFIG_MODULES=y" not in text


def _gone(patient: Patient, version: str, folder: str) -> Finding:
    database = dpkg.database(patient)
    repair = None
    if database is not None:
        inside = f"{database.canonical(folder)}/"
        paths = [
            path
            for name in database.packages
            if name.startswith(("linux-image-", "linux-modules-"))
            for path in database.sums(name)
            if path.startswith(inside)
        ]
        base = from_packages(patient, paths) if paths else None
        if base is not None:
            changes: tuple[Change, ...] = (
                *base.changes,
                RunOutside(("depmod", "-b", "{root}", version)),
            )
            repair = Repair(f"{base.summary}, and their index made anew", changes)
    return Finding(
        ID,
        LINK,
        _severity(patient, version),
        f"the modules of the kernel {version} are gone",
        "What the initramfs did not load cannot be loaded: network, file systems, devices.",
        (Evidence(folder, "the kernel's modules", "missing"),),
        repair,
        patient.distribution.kernel(kind(patient.files, version) or version, version),
    )
