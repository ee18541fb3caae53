"""What cannot be part of a backup point safely, and why: decided before it is touched. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from lifebuoy.backup.definition import Disk
from lifebuoy.errors import CannotBackUp
from lifebuoy.hypervisor.imageheader import ImageHeader

_FORMATS: Final = ("raw", "qcow2")
_SECTOR: Final = 512


@dataclass(frozen=True, slots=True)
class Found:
    """A disk of the definition and what is at its path; ``header`` None: no file there."""

    disk: Disk
    header: ImageHeader | None
    size_bytes: int = 0
    users: tuple[str, ...] = ()


def refuse(name: str, found: Sequence[Found]) -> None:
    """Pass if every writable disk can be part of a point.

    Raises:
        CannotBackUp: naming each disk that cannot, and why.
    """
    if not found:
        raise CannotBackUp(f"'{name}' has no disk that it can write to: there is nothing to keep")
    reasons = [(one.disk.target, why) for one in found if (why := obstacle(one))]
    reasons += _twice(found)
    if reasons:
        raise CannotBackUp(
            f"no backup point of '{name}' is possible: "
            + "; ".join(f"disk {target}: {why}" for target, why in reasons),
            hint="back that disk up by its own means, or change what stands in the way",
        )


def obstacle(found: Found) -> str:
    """Why this disk cannot be part of a point; empty if it can."""
    disk, header = found.disk, found.header
    if disk.obstacle:
        return disk.obstacle
    if disk.format not in _FORMATS:
        return f"its format is {disk.format}, points are possible for {' and '.join(_FORMATS)}"
    if header is None:
        return f"its file is missing: {disk.path or disk.volume}"
    if found.users:
        return f"its file is also a disk of {_names(found.users)}"
    return _by_header(disk, header, found.size_bytes)


def _by_header(disk: Disk, header: ImageHeader, size_bytes: int) -> str:
    if header.format != disk.format:
        return (
            f"the definition calls its file {disk.format}, but what it holds looks like "
            f"{header.format}: {disk.path}"
        )
    if header.encrypted:
        return "its qcow2 file is encrypted: an overlay could lie in clear"
    if header.data_file:
        return "its qcow2 file keeps its data in another file, which would not be frozen"
    if header.corrupt:
        return "its qcow2 file is marked as corrupt: qemu-img check -r all"
    if disk.format == "raw" and size_bytes % _SECTOR:
        return f"its file is not a whole number of {_SECTOR}-byte sectors"
    return ""


def _twice(found: Iterable[Found]) -> list[tuple[str, str]]:
    seen: dict[str, str] = {}
    twice: list[tuple[str, str]] = []
    for one in found:
        if one.disk.path and one.disk.path in seen:
            twice.append((one.disk.target, f"it is the same file as {seen[one.disk.path]}"))
        seen.setdefault(one.disk.path, one.disk.target)
    return twice


def _names(users: Sequence[str]) -> str:
    return ", ".join(f"'{user}'" for user in users)
