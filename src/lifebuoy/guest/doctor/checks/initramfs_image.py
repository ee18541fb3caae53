"""The newest kernel's initramfs: missing, cut off, corrupt, or without the disk's driver."""

from __future__ import annotations

from collections.abc import Iterator

from ..change import Change, PutFile, Remove, RunInside
from ..formats import cpio
from ..kernels import Kernel, kernels
from ..model import Dpkg, Evidence, Finding, Link, Repair, Risk, Severity
from ..patient import Patient

ID = "initramfs-image"
LINK = Link.INITRAMFS
TITLE = "the newest kernel's initramfs is whole and has the drivers of the root's disk"
READS = "/boot/initrd.img-VERSION or initramfs-VERSION.img, /lib/modules/VERSION/modules.builtin"
NEEDS_ROOT = True
DPKG = Dpkg.UNUSED
_FILE_SYSTEM_MODULES = {"ext4": "ext4", "ext3": "ext4", "xfs": "xfs", "btrfs": "btrfs"}
_GENERIC = {"virtio_blk": "virtio_pci", "virtio_scsi": "virtio_pci"}


def examine(patient: Patient) -> Iterator[Finding]:
    """One finding at most."""
    found = kernels(patient.files)
    if not found:
        return  # a kernel comes back first, then this looks again
    kernel = found[0]
    if not kernel.initrd:
        if _needed(patient, kernel):
            yield _missing(patient, kernel)
        return
    path = f"/boot/{kernel.initrd}"
    file = patient.files.open(path)
    if file is None:
        return
    with file:
        listing = cpio.listing(file)
    if listing.unread:
        return
    if listing.fault:
        yield _corrupt(patient, kernel, path, listing.fault)
    else:
        yield from _drivers(patient, kernel, path, listing.names)


def _built_in(patient: Patient, version: str) -> set[str]:
    text = patient.files.text(f"/lib/modules/{version}/modules.builtin", 1 << 20) or ""
    return {_module(line) for line in text.split()}


def _module(path: str) -> str:
    return path.rpartition("/")[2].partition(".ko")[0].replace("-", "_")


def _needed(patient: Patient, kernel: Kernel) -> bool:
    """Whether the kernel cannot mount the root alone."""
    built_in = _built_in(patient, kernel.release)
    root = patient.root
    assert root is not None
    module = _FILE_SYSTEM_MODULES.get(root.kind, root.kind)
    if not built_in:
        return True
    return module not in built_in or "virtio_blk" not in built_in


def _rebuilt(patient: Patient, kernel: Kernel, extra: tuple[Change, ...] = ()) -> Repair | None:
    """By the guest's own tool, in its root."""
    tree = patient.files
    version = kernel.release
    if not version:
        return None
    usual = f"/boot/{patient.distribution.initramfs_name(kernel.version)}"
    path = f"/boot/{kernel.initrd}" if kernel.initrd else ""
    if tree.is_file("/usr/sbin/update-initramfs"):
        path = f"/boot/initrd.img-{version}"
        argv: tuple[str, ...] = ("/usr/sbin/update-initramfs", "-c", "-k", version)
    elif tree.is_file("/usr/bin/dracut"):
        path = path or usual
        argv = ("/usr/bin/dracut", "--force", "--no-hostonly", path, version)
    elif tree.is_file("/sbin/mkinitfs"):
        path = path or usual
        argv = ("/sbin/mkinitfs", "-o", path, version)
    elif tree.is_file("/usr/bin/mkinitcpio"):
        path = path or usual
        argv = ("/usr/bin/mkinitcpio", "-k", version, "-g", path)
    else:
        return None
    first: tuple[Change, ...] = (Remove(path),) if tree.lstat(path) is not None else ()
    run = RunInside(argv, (path,), timeout_s=1800)
    return Repair(f"make {path} anew", (*extra, *first, run), Risk.LOW)


def _by_hand(patient: Patient, kernel: Kernel) -> tuple[str, ...]:
    name = kernel.initrd or patient.distribution.initramfs_name(kernel.version)
    return patient.distribution.initramfs(f"/boot/{name}", kernel.version, kernel.release)


def _missing(patient: Patient, kernel: Kernel) -> Finding:
    return Finding(
        ID,
        LINK,
        Severity.STOPS_BOOT,
        f"the kernel {kernel.version} has no initramfs in /boot",
        "The kernel alone has no driver for the root: 'Unable to mount root fs'.",
        (Evidence("/boot", patient.distribution.initramfs_name(kernel.version), "missing"),),
        _rebuilt(patient, kernel),
        _by_hand(patient, kernel),
    )


def _corrupt(patient: Patient, kernel: Kernel, path: str, fault: str) -> Finding:
    found = patient.files.stat(path)
    return Finding(
        ID,
        LINK,
        Severity.STOPS_BOOT,
        f"the initramfs {path} is damaged: {fault}",
        "The kernel cannot unpack it and has no driver for the root.",
        (Evidence(path, "a whole archive", f"{found.st_size if found else 0} bytes; {fault}"),),
        _rebuilt(patient, kernel),
        _by_hand(patient, kernel),
    )


def _drivers(
    patient: Patient, kernel: Kernel, path: str, names: frozenset[str]
) -> Iterator[Finding]:
    there = _built_in(patient, kernel.release) | {_module(name) for name in names if ".ko" in name}
    if not any("/modules/" in name for name in names) and "init" not in names:
        return  # of a kind that is not known here
    root = patient.root
    assert root is not None
    wanted = [_FILE_SYSTEM_MODULES.get(root.kind, root.kind)]
    if patient.bus:
        wanted += [patient.bus, *([_GENERIC[patient.bus]] if patient.bus in _GENERIC else [])]
    known = {_module(one) for one in _all_modules(patient, kernel.release)}
    missing = [one for one in wanted if one not in there and one in known]
    if not missing:
        return
    yield Finding(
        ID,
        LINK,
        Severity.STOPS_BOOT,
        f"the initramfs {path} lacks the driver {missing[0]}",
        "It waits for the root's disk, which never appears, and ends in its shell.",
        (Evidence(path, f"the modules {' '.join(wanted)}", f"without {' '.join(missing)}"),),
        _rebuilt(patient, kernel, _asking_for(patient, missing)),
        _by_hand(patient, kernel),
    )


def _all_modules(patient: Patient, version: str) -> list[str]:
    text = patient.files.text(f"/lib/modules/{version}/modules.dep", 8 << 20) or ""
    return [line.partition(":")[0] for line in text.splitlines()]


def _asking_for(patient: Patient, modules: list[str]) -> tuple[Change, ...]:
    path = "/etc/initramfs-tools/modules"
    if patient.files.is_folder("/etc/initramfs-tools"):
        text = patient.files.text(path) or ""
        lines = "".join(f"{one}\n" for one in modules)
        new = f"{text.rstrip()}\n# by Lifebuoy's doctor: the disk of this machine\n{lines}".lstrip()
        return (PutFile(path, new.encode("utf-8", "surrogateescape"), beside=True),)
    if patient.files.is_folder("/etc/dracut.conf.d"):
        text = f'add_drivers+=" {" ".join(modules)} "\n'
        return (PutFile("/etc/dracut.conf.d/lifebuoy.conf", text.encode()),)
    return ()
