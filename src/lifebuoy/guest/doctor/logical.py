"""Logical volumes of LVM: a range where they lie in one piece, else joined by the device mapper.

The mapping is made from the metadata text, so LVM itself is not asked and writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from . import ledger, mounting
from .formats import lvm
from .ledger import Ledger
from .raid import CannotOpen
from .volume import LVM, Volume, range_of


@dataclass(frozen=True)
class Groups:
    """The logical volumes that are described, and the physical ones by their ids."""

    logical: tuple[lvm.Logical, ...]
    physical: dict[str, Volume]


def groups(volumes: Sequence[Volume]) -> Groups:
    """What the newest metadata of each volume group say; of copies of a disk the first counts."""
    physical: dict[str, Volume] = {}
    texts: list[str] = []
    for volume in volumes:
        read = lvm.read_physical(volume.read) if volume.kind == LVM else None
        if read is not None and read[0] not in physical:
            physical[read[0]] = volume
            texts.append(read[1])
    found: dict[str, lvm.Logical] = {}
    for text in sorted(dict.fromkeys(texts), key=lvm.revision, reverse=True):
        for logical in lvm.logical_volumes(text):
            found.setdefault(logical.identity, logical)
    return Groups(tuple(found.values()), physical)


def names(logical: lvm.Logical) -> tuple[str, ...]:
    """The paths under which the guest may call it."""
    return f"/dev/mapper/{logical.mapped}", f"/dev/{logical.group}/{logical.name}"


def home(logical: lvm.Logical, known: Groups) -> Volume | None:
    """The first physical volume that it lies on."""
    first = logical.segments[0].areas[0][0] if logical.segments else ""
    return known.physical.get(first)


def placed(logical: lvm.Logical, known: Groups) -> Volume | None:
    """The logical volume as a range of a disk; None where it is in several pieces."""
    under = home(logical, known)
    if under is None:
        return None
    identity, start = logical.segments[0].areas[0]
    for segment in logical.segments:
        if segment.areas != ((identity, start + segment.start),):
            return None
    if start + logical.size > under.size:
        return None
    return range_of(
        under.disk,
        logical.mapped,
        under.start + start,
        logical.size,
        names=names(logical),
        inside=(*under.inside, LVM),
    )


def running(logical: lvm.Logical, known: Groups) -> str | None:
    """The node of the logical volume where somebody has activated it.

    Only on these very volumes: copies of a disk have logical volumes of the same identity.
    """
    for volume in known.physical.values():
        for holder in mounting.above(volume):
            folder = Path("/sys/class/block", holder, "dm")
            if folder.is_dir() and (folder / "uuid").read_text().strip() == logical.identity:
                return f"/dev/mapper/{(folder / 'name').read_text().strip()}"
    return None


def mapped(
    logical: lvm.Logical, known: Groups, name: str, opened: Ledger, *, writable: bool
) -> str:
    """The node of the logical volume, joined now. Raises CannotOpen, OSError."""
    owners = dict.fromkeys(owner for one in logical.segments for owner, _ in one.areas)
    if missing := [owner for owner in owners if owner not in known.physical]:
        raise CannotOpen(f"{len(missing)} of its {len(owners)} physical volumes are not there")
    devices: dict[str, str] = {}
    with ExitStack() as stack:
        for owner in owners:
            volume = known.physical[owner]
            node = mounting.node_of(volume) if writable else None
            devices[owner] = node or stack.enter_context(
                mounting.attached(volume, writable=writable)
            )
        opened.note(ledger.MAPPING, name)
        words = ["dmsetup", "create", name, *([] if writable else ["--readonly"])]
        try:
            done = mounting.run(words, given=table(logical, devices).encode(), holds=opened.held)
        except FileNotFoundError as gone:
            raise CannotOpen("this system has no dmsetup") from gone
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise CannotOpen(said[0] if said else f"dmsetup ended with {done.returncode}")
    return f"/dev/mapper/{name}"


def table(logical: lvm.Logical, devices: dict[str, str]) -> str:
    """The device mapper's table, in sectors of 512 bytes."""
    lines = []
    for one in logical.segments:
        places = " ".join(f"{devices[owner]} {first // 512}" for owner, first in one.areas)
        kind = f"striped {len(one.areas)} {one.stripe // 512}" if one.stripe else "linear"
        lines.append(f"{one.start // 512} {one.size // 512} {kind} {places}\n")
    return "".join(lines)
