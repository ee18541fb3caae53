"""Arrays of Linux software RAID among the volumes: read as a range where one member has all of it.

Every other array, and any that is to be written, is put together by mdadm: one side of a mirror
written alone would make the sides differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from . import ledger, mounting
from .formats import mdraid
from .ledger import Ledger
from .volume import RAID, Volume, range_of

_FIRST, _LAST = 200, 400
#: members whose counts of events differ by one were written at the same time
_SLACK = 1


class CannotOpen(Exception):
    """Why a container is not opened, in one line."""


@dataclass(frozen=True)
class Array:
    """An array and those of its members that are there."""

    uuid: str
    members: tuple[tuple[Volume, mdraid.Member], ...]

    @property
    def newest(self) -> mdraid.Member:
        """The superblock written last."""
        return max((one for _, one in self.members), key=lambda one: one.events)

    @property
    def current(self) -> list[tuple[Volume, mdraid.Member]]:
        """The members that have what was written last."""
        least = self.newest.events - _SLACK
        return [
            (volume, one)
            for volume, one in self.members
            if one.events >= least and one.slot is not None and one.whole
        ]

    @property
    def names(self) -> tuple[str, ...]:
        """The paths under which the guest may call it."""
        name = self.newest.name.rpartition(":")[2]
        plain = name if name.replace("-", "").replace("_", "").isalnum() else ""
        numbered = (f"/dev/md{plain}",) if plain.isascii() and plain.isdigit() else ()
        return (*numbered, f"/dev/md/{plain}") if plain else ()

    @property
    def name(self) -> str:
        """How it is called in the report."""
        return self.names[0].removeprefix("/dev/") if self.names else f"md-{self.uuid[:8]}"


def arrays(volumes: Sequence[Volume]) -> list[Array]:
    """The arrays that these volumes are members of."""
    found: dict[str, list[tuple[Volume, mdraid.Member]]] = {}
    for volume in volumes:
        member = mdraid.read_member(volume.read, volume.size) if volume.kind == RAID else None
        if member is not None:
            found.setdefault(member.array, []).append((volume, member))
    return [Array(uuid, tuple(members)) for uuid, members in found.items()]


def mirrored(array: Array) -> Volume | None:
    """The array's content as a range of its first good member; for looking only."""
    if array.newest.level != mdraid.MIRROR or array.newest.reshaping or not array.current:
        return None
    volume, member = array.current[0]
    return range_of(
        volume.disk,
        array.name,
        volume.start + member.offset,
        member.size,
        names=array.names,
        inside=(*volume.inside, RAID),
    )


def running(array: Array) -> str | None:
    """The node of the array where somebody has put it together already."""
    for volume, _ in array.members:
        for holder in mounting.holders(volume):
            size = Path("/sys/class/block", holder, "size")
            if holder.startswith("md") and size.read_text().strip() != "0":
                return f"/dev/{holder}"
    return None


def assembled(array: Array, opened: Ledger, *, writable: bool) -> str:
    """The node of the array, put together now. Raises CannotOpen, OSError."""
    missing = array.newest.known - {one.slot for _, one in array.current}
    if writable and missing:
        raise CannotOpen(f"{len(missing)} of its {array.newest.devices} disks are not there")
    if writable and array.newest.reshaping:
        raise CannotOpen("it is being reshaped")
    node = next((one for one in _nodes() if not Path("/sys/class/block", one[5:]).exists()), "")
    with ExitStack() as stack:
        devices = []
        for volume, _ in array.members:
            device = mounting.node_of(volume) if writable else None
            devices.append(
                device or stack.enter_context(mounting.attached(volume, writable=writable))
            )
        opened.note(ledger.ARRAY, node)
        words = ["mdadm", "--assemble", node, "--config=none", f"--uuid={array.uuid}"]
        words += [] if writable else ["--readonly", "--run"]
        try:
            done = mounting.run([*words, *devices], holds=opened.held)
        except FileNotFoundError as gone:
            raise CannotOpen("this system has no mdadm") from gone
        state = Path("/sys/class/block", node[5:], "md/array_state")
        if done.returncode != 0 or not state.exists() or state.read_text().strip() == "inactive":
            ledger.shut(ledger.ARRAY, node)
            said = [line for line in done.stderr.splitlines() if line.strip()]
            raise CannotOpen(said[-1] if said else "mdadm does not put it together")
    return node


def _nodes() -> list[str]:
    return [f"/dev/md{number}" for number in range(_FIRST, _LAST)]
