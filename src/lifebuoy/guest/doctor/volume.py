"""Volumes: ranges of disks that hold a file system, found by reading alone.

A partition is a range; so is a logical volume of LVM that lies in one piece. Nothing is activated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .disk import Disk, Part
from .formats import lvm
from .formats.signature import HEAD, Signature, read_signature


@dataclass(frozen=True)
class Volume:
    """A range of a disk. ``names`` are the paths under which the guest may call it."""

    disk: Disk
    name: str
    start: int
    size: int
    signature: Signature
    part: Part | None = None
    names: tuple[str, ...] = ()

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
    """Every partition and every logical volume that lies in one piece."""
    found: list[Volume] = []
    for disk in disks:
        parts = disk.parts()
        found += [_volume_of(disk, part) for part in parts]
        if not parts:
            found.append(_whole(disk))
    return found + _logical(found)


def node_name(disk: str, number: int) -> str:
    """How Linux calls a partition: vda1, nvme0n1p1."""
    return f"{disk}p{number}" if disk[-1:].isdigit() else f"{disk}{number}"


def _volume_of(disk: Disk, part: Part) -> Volume:
    name = node_name(disk.name, part.number)
    signature = read_signature(disk.read(part.start, min(HEAD, part.size)))
    names = (f"/dev/{name}",) if disk.is_device else _usual_names(part.number)
    return Volume(disk, name, part.start, part.size, signature, part, names)


def _usual_names(number: int) -> tuple[str, ...]:
    """What an image's first disk may be called when its guest runs."""
    return tuple(f"/dev/{disk}{number}" for disk in ("vda", "sda", "xvda", "nvme0n1p", "hda"))


def _whole(disk: Disk) -> Volume:
    signature = read_signature(disk.read(0, HEAD))
    return Volume(disk, disk.name, 0, disk.size, signature, None, (f"/dev/{disk.name}",))


def _logical(volumes: Sequence[Volume]) -> list[Volume]:
    physical: dict[str, Volume] = {}
    texts: list[str] = []
    for volume in volumes:
        if volume.kind != "LVM2_member":
            continue
        read = lvm.read_physical(volume.read)
        if read is not None:
            physical[read[0]] = volume
            texts.append(read[1])
    found, seen = [], set()
    for text in texts:
        for logical in lvm.logical_volumes(text):
            if (logical.group, logical.name) in seen or not logical.linear:
                continue
            seen.add((logical.group, logical.name))
            placed = _placed(logical, physical)
            if placed is not None:
                found.append(placed)
    return found


def _placed(logical: lvm.Logical, physical: dict[str, Volume]) -> Volume | None:
    (identity, start, size) = logical.pieces[0]
    for other, first, length in logical.pieces[1:]:
        if other != identity or first != start + size:
            return None  # in several pieces: only the device mapper joins them
        size += length
    home = physical.get(identity)
    if home is None or start + size > home.size:
        return None
    mapped = f"{logical.group.replace('-', '--')}-{logical.name.replace('-', '--')}"
    names = (f"/dev/mapper/{mapped}", f"/dev/{logical.group}/{logical.name}")
    signature = read_signature(home.read(start, min(HEAD, size)))
    return Volume(home.disk, mapped, home.start + start, size, signature, None, names)
