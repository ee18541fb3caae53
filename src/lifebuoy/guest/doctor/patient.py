"""The patient: the disks that are examined, their volumes, and the tree of the system on them."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from . import distribution, fat, mounting
from .disk import Disk
from .formats import crypttab, fstab, gpt
from .formats.signature import HEAD
from .layers import Closed, Layers
from .tree import Tree
from .volume import LUKS, LVM, Volume, content_name, is_member

_ROOT_KINDS = {"ext2", "ext3", "ext4", "xfs", "btrfs"}
_ESP_FOLDERS = ("/boot/efi", "/efi")
_SUBVOLUMES = ("@", "@root", "root", "@rootfs")


@dataclass
class Patient:
    """What the checks examine. ``tree`` is None where no root could be mounted."""

    disks: Sequence[Disk]
    volumes: Sequence[Volume]
    work: str
    writable: bool = False
    root: Volume | None = None
    subvolume: str = ""
    boot: Volume | None = None
    esp: Volume | None = None
    tree: Tree | None = None
    firmware: str = "bios"
    #: the driver of the root's disk; empty where it is not known, as with image files
    bus: str = ""
    other_roots: list[Volume] = field(default_factory=list)
    #: volumes that could not be mounted, and what mount said
    refused: list[tuple[Volume, str]] = field(default_factory=list)
    #: RAID, LUKS and LVM whose content was not seen
    closed: Sequence[Closed] = ()
    cache: dict[str, object] = field(default_factory=dict)

    @property
    def files(self) -> Tree:
        """The tree, for checks that need the root."""
        assert self.tree is not None
        return self.tree

    @property
    def distribution(self) -> distribution.Distribution:
        """What the system's distribution calls things."""
        known = self.cache.get("distribution")
        if not isinstance(known, distribution.Distribution):
            known = distribution.of(self.files)
            self.cache["distribution"] = known
        return known

    @property
    def esp_folder(self) -> str:
        """Where the EFI system partition is mounted in the tree; empty where it is not."""
        if self.esp is None or self.tree is None:
            return ""
        if self.esp is self.boot:
            return "/boot"
        return next((one for one in _ESP_FOLDERS if one in self.tree.places), "")

    def in_tree(self, path: str) -> str | None:
        """Where a file that a boot loader names by its place on the volume of /boot lies.

        None where that cannot be told.
        """
        if path.startswith("("):
            path = path.partition(")")[2]
        if "$" in path or not path.startswith("/"):
            return None
        if self.boot is not None:
            return f"/boot{path}"
        prefix = f"/{self.subvolume}/" if self.subvolume else "/"
        if self.subvolume and path.startswith(prefix):
            return path[len(prefix) - 1 :]
        return path

    def path_in_volume(self, name: str) -> str:
        """How a boot loader calls a file of /boot on the volume that holds it."""
        if self.boot is not None:
            return f"/{name}"
        subvolume = f"/{self.subvolume}" if self.subvolume else ""
        return f"{subvolume}/boot/{name}"

    def is_unknown_root(self, root: str) -> bool:
        """Whether a kernel's root= names what none of the disks has, nor what is not open."""
        named = ("UUID=", "LABEL=", "PARTUUID=", "/dev/mapper/", "/dev/disk/by-uuid/")
        if not root.startswith(named) or self.closed or self.is_promised(root):
            return False
        return self.called(root) is None

    def fstab(self) -> list[fstab.Line]:
        """The guest's fstab; empty where there is none."""
        text = self.tree.text("/etc/fstab") if self.tree else None
        return fstab.parse(text) if text else []

    def called(self, spec: str) -> Volume | None:
        """The volume that this name means."""
        found = next((one for one in self.volumes if one.is_called(spec)), None)
        return found or self._decrypted(spec)

    def is_promised(self, spec: str) -> bool:
        """Whether the guest's own crypttab makes a device of this name when it boots."""
        return any(line.mapped == spec for line in self.crypttab())

    def crypttab(self) -> list[crypttab.Line]:
        """The guest's crypttab; empty where there is none."""
        text = self.tree.text("/etc/crypttab") if self.tree else None
        return crypttab.parse(text) if text else []

    def _decrypted(self, spec: str) -> Volume | None:
        """What is in the LUKS volume that the guest's crypttab opens under this name."""
        for line in self.crypttab():
            if line.mapped != spec:
                continue
            for volume in self.volumes:
                if volume.kind == LUKS and volume.is_called(line.source):
                    return next(
                        (one for one in self.volumes if one.name == content_name(volume)), None
                    )
        return None

    @property
    def boot_volume(self) -> Volume | None:
        """Where /boot lies."""
        return self.boot or self.root

    @property
    def own_disks(self) -> list[Disk]:
        """The disks but those that an array is made of as a whole: a table there is the array's."""
        return [disk for disk in self.disks if not is_member(disk)]

    @property
    def boot_disk(self) -> Disk | None:
        """The disk that the firmware is to start from; None where that is not ours to say."""
        volume = self.esp if self.firmware == "uefi" and self.esp else self.boot_volume
        if volume is None:
            return self.disks[0] if self.disks else None
        return None if is_member(volume.disk.bottom) else volume.disk.bottom


@contextmanager
def opened(
    paths: Sequence[str],
    *,
    firmware: str = "",
    root: str = "",
    bus: str = "",
    writable: bool = False,
    layers: Layers | None = None,
) -> Iterator[Patient]:
    """The patient on these disks; mounted for writing only where that is asked for.

    ``layers`` are what is open already, and stays so; else they are opened for this look.
    """
    if layers is None:
        with (
            Layers(writable=writable) as layers,
            opened(
                paths, firmware=firmware, root=root, bus=bus, writable=writable, layers=layers
            ) as patient,
        ):
            yield patient
        return
    work = tempfile.mkdtemp(prefix="doctor-")
    disks: list[Disk] = []
    try:
        for path in paths:
            disks.append(Disk(path))
        patient = Patient(disks, layers.volumes(disks), work, writable=writable)
        try:
            seen: set[object] = set()
            _mount_root(patient, root, seen)
            while patient.root is None and layers.unlock():
                patient.volumes = layers.volumes(disks)
                _mount_root(patient, root, seen)
            patient.closed = layers.closed
            patient.firmware = firmware or _firmware(patient)
            patient.bus = bus or _bus(patient)
            _mount_rest(patient)
            yield patient
        finally:
            _close(patient)
    finally:
        for disk in disks:
            disk.close()
        shutil.rmtree(work, ignore_errors=True)


def _close(patient: Patient) -> None:
    if patient.tree is None:
        return
    for folder, place in reversed(list(patient.tree.places.items())):
        if folder != "/" and not os.path.ismount(place):
            fat.put_back(place)
        else:
            mounting.unmount(place)


def _mount_root(patient: Patient, wanted: str, seen: set[object]) -> None:
    for volume in patient.volumes:
        if volume.kind not in _ROOT_KINDS or volume.key in seen:
            continue
        if wanted and wanted not in (volume.name, *volume.names):
            continue
        seen.add(volume.key)
        if patient.root is not None:
            _try_other(patient, volume)
            continue
        place = os.path.join(patient.work, "root")
        try:
            mounting.mount(volume, place, writable=patient.writable)
        except mounting.CannotMount as refusal:
            patient.refused.append((volume, str(refusal)))
            continue
        subvolume = _subvolume(volume, place)
        if subvolume:
            mounting.unmount(place)
            mounting.mount(volume, place, writable=patient.writable, subvolume=subvolume)
        if is_root(place):
            patient.root, patient.subvolume = volume, subvolume
            patient.tree = Tree(place)
        else:
            mounting.unmount(place)


def _try_other(patient: Patient, volume: Volume) -> None:
    place = os.path.join(patient.work, "other")
    try:
        mounting.mount(volume, place, writable=False)
    except mounting.CannotMount as refusal:
        patient.refused.append((volume, str(refusal)))
        return
    if is_root(place):
        patient.other_roots.append(volume)
    mounting.unmount(place)


def _subvolume(volume: Volume, place: str) -> str:
    if volume.kind != "btrfs" or is_root(place):
        return ""
    return next((name for name in _SUBVOLUMES if is_root(os.path.join(place, name))), "")


def is_root(place: str) -> bool:
    """Whether a Linux system lies here, however broken."""
    here = Path(place)

    def has(name: str) -> bool:
        return os.path.lexists(here / name)

    return (
        (here / "etc").is_dir()
        and (here / "usr").is_dir()
        and any(map(has, ("etc/fstab", "etc/passwd", "usr/lib/os-release", "usr/bin", "var/lib")))
    )


def _firmware(patient: Patient) -> str:
    """What the machine starts from: this very machine's, else what the disks are laid out for."""
    if any(disk.is_device for disk in patient.disks):
        return "uefi" if os.path.isdir("/sys/firmware/efi") else "bios"
    kinds = {one.part.kind for one in patient.volumes if one.part is not None}
    if gpt.BIOS_BOOT in kinds or not kinds & {gpt.ESP, "ef"}:
        return "bios"
    return "uefi"


def _bus(patient: Patient) -> str:
    """The driver by which this very machine reaches the disk of the root."""
    if patient.root is None or not patient.root.disk.bottom.is_device:
        return ""
    device = Path("/sys/block") / patient.root.disk.bottom.name / "device"
    real = str(device.resolve())
    host = re.search(r"/(host\d+)/", real)
    if host:
        name = Path("/sys/class/scsi_host") / host.group(1) / "proc_name"
        return name.read_text().strip() if name.exists() else ""
    if "/nvme/" in real:
        return "nvme"
    driver = device / "driver"
    return driver.resolve().name if driver.exists() else ""


def _mount_rest(patient: Patient) -> None:
    """/boot and the EFI system partition, as the guest's fstab has them."""
    tree = patient.tree
    if tree is None:
        patient.esp = _find_esp(patient)
        return
    lines = sorted(patient.fstab(), key=lambda line: len(line.where))
    for line in lines:
        if line.where not in ("/boot", "/boot/efi", "/efi", "/usr", "/var") or line.malformed:
            continue
        volume = patient.called(line.source)
        if volume is None or volume is patient.root:
            continue
        _mount_below(patient, tree, line.where, volume)
    if patient.boot is None and not any(tree.names("/boot")):
        _guess_boot(patient, tree)
    if patient.esp is None:
        patient.esp = _find_esp(patient)
        own = patient.esp if patient.esp is not patient.boot else None
        if own is not None and patient.firmware == "uefi":
            _mount_below(patient, tree, _esp_place(tree), own)


def _esp_place(tree: Tree) -> str:
    """Where systemd mounts one that fstab does not name: systemd-gpt-auto-generator(8)."""
    if tree.is_folder("/efi"):
        return "/efi"
    bare = tree.is_folder("/boot") and not tree.names("/boot")
    return "/boot" if bare and not tree.is_folder("/boot/efi") else "/boot/efi"


def _find_esp(patient: Patient) -> Volume | None:
    for volume in patient.volumes:
        if volume.part is not None and volume.part.kind in (gpt.ESP, "ef"):
            return volume
    return None


def _guess_boot(patient: Patient, tree: Tree) -> None:
    """A separate /boot that fstab does not name, or names wrongly: the one that holds kernels."""
    for volume in patient.volumes:
        if volume is patient.root or volume.kind not in _ROOT_KINDS:
            continue
        if volume.part is None and LVM in volume.inside:
            continue
        place = os.path.join(patient.work, "guess")
        try:
            mounting.mount(volume, place, writable=False)
        except mounting.CannotMount:
            continue
        names = os.listdir(place)
        mounting.unmount(place)
        if "grub" in names or any(name.startswith(("vmlinuz", "config-")) for name in names):
            _mount_below(patient, tree, "/boot", volume)
            return


def _mount_below(patient: Patient, tree: Tree, folder: str, volume: Volume) -> None:
    place = os.path.join(patient.work, folder.strip("/").replace("/", "-"))
    try:
        if volume.kind == "vfat" and not fat.kernel_can():
            fat.take_out(volume, place, writable=patient.writable)
        else:
            mounting.mount(volume, place, writable=patient.writable)
    except mounting.CannotMount as refusal:
        patient.refused.append((volume, str(refusal)))
        return
    tree.add(folder, place)
    if folder == "/boot":
        patient.boot = volume
    elif folder in ("/boot/efi", "/efi"):
        patient.esp = volume


def head(volume: Volume) -> bytes:
    """The first bytes of a volume, where the signatures are."""
    return volume.read(0, HEAD)
