"""Volumes: ranges of disks that hold a file system or a container, found by reading alone.

A partition is a range; so are a member of a mirror and a logical volume in one piece. Nothing is
activated here; what only the kernel can join or decrypt is opened by ``layers``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .disk import Disk, Part
from .formats import mdraid
from .formats.signature import HEAD, Signature, read_signature

LUKS, RAID, LVM = "crypto_LUKS", "linux_raid_member", "LVM2_member"


@dataclass(frozen=True)
class Volume:
    """A range of a disk. ``names`` are the paths under which the guest may call it.

    ``inside`` are the kinds of the containers that it lies in, the innermost last.
    """

    disk: Disk
    name: str
    start: int
    size: int
    signature: Signature
    part: Part | None = None
    names: tuple[str, ...] = ()
    inside: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, int, int]:
        """The same for the same range, however often the disk is opened."""
        return self.disk.path, self.start, self.size

    @property
    def kind(self) -> str:
        """What it holds, as blkid names it; empty where nothing is recognised."""
        return self.signature.kind

    def read(self, offset: int, length: int) -> bytes:
        """Bytes of the volume, fewer at its end."""
        return self.disk.read(self.start + offset, max(0, min(length, self.size - offset)))

    def is_called(self, spec: str) -> bool:
        """Whether this is what a fstab or a ``root=`` means."""
        tag, _, value = spec.partition("=")
        value = value.strip('"')
        if tag == "UUID":
            return bool(value) and value.lower() == self.signature.uuid.lower()
        if tag == "LABEL":
            return bool(value) and value == self.signature.label
        if tag == "PARTUUID":
            return self.part is not None and value.lower() == self.part.uuid.lower()
        if spec.startswith("/dev/disk/by-uuid/"):
            return spec[18:].lower() == self.signature.uuid.lower()
        return spec in self.names


def find_volumes(disks: Sequence[Disk]) -> list[Volume]:
    """Every partition, and every disk that has none."""
    found: list[Volume] = []
    for disk in disks:
        parts = [] if is_member(disk) else disk.parts()
        found += [_volume_of(disk, part) for part in parts]
        if not parts:
            found.append(range_of(disk, disk.name, 0, disk.size, names=(f"/dev/{disk.name}",)))
    return found


def is_member(disk: Disk) -> bool:
    """Whether the whole disk is in an array: all that is on it is then the array's."""
    return mdraid.read_member(disk.read, disk.size) is not None


def range_of(
    disk: Disk,
    name: str,
    start: int,
    size: int,
    *,
    part: Part | None = None,
    names: tuple[str, ...] = (),
    inside: tuple[str, ...] = (),
) -> Volume:
    """The volume in this range, with what its signatures say."""
    bare = Volume(disk, name, start, size, Signature(), part, names, inside)
    member = mdraid.read_member(bare.read, size)
    signature = (
        Signature(RAID, member.array) if member else read_signature(bare.read(0, min(HEAD, size)))
    )
    return Volume(disk, name, start, size, signature, part, names, inside)


def content_name(encrypted: Volume) -> str:
    """How the content of a LUKS volume is called in the report."""
    return f"{encrypted.name}_crypt"


def node_name(disk: str, number: int) -> str:
    """How Linux calls a partition: vda1, nvme0n1p1."""
    return f"{disk}p{number}" if disk[-1:].isdigit() else f"{disk}{number}"


def _volume_of(disk: Disk, part: Part) -> Volume:
    name = node_name(disk.name, part.number)
    names = (f"/dev/{name}",) if disk.is_device else _usual_names(part.number)
    return range_of(disk, name, part.start, part.size, part=part, names=names)


def _usual_names(number: int) -> tuple[str, ...]:
    """What an image's first disk may be called when its guest runs."""
    return tuple(f"/dev/{disk}{number}" for disk in ("vda", "sda", "xvda", "nvme0n1p", "hda"))
