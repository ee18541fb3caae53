"""What lies between a disk and a file system: RAID, LUKS and LVM, opened as far as they can be.

For looking nothing is written: mirrors and logical volumes in one piece are ranges of a disk, all
else is opened read-only over a read-only loop device. For a repair everything is opened for
writing, once for the whole run, as a passphrase may take seconds to work out. What somebody has
opened before is used as it is, and left so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from types import TracebackType

from . import logical, luks, raid
from .disk import Disk
from .formats import lvm
from .ledger import Ledger, sweep
from .mounting import CannotMount, run
from .naming import plain
from .raid import CannotOpen
from .volume import LUKS, LVM, RAID, Volume, content_name, find_volumes, range_of

MOST_VOLUMES = 500
MOST_OPENED = 64
MOST_ATTEMPTS = 3
_NO_PASSPHRASE = "its passphrase was not given"
_WRONG = "the passphrase does not open it"


@dataclass(frozen=True)
class Closed:
    """A container whose content was not seen, and why not."""

    name: str
    kind: str
    why: str


class Layers:
    """The containers of some disks, open until ``close``."""

    def __init__(self, *, writable: bool = False, ask: luks.Ask = luks.nobody) -> None:
        self.writable = writable
        self._ask = ask
        self._ledger = Ledger()
        self._disks: dict[object, Disk] = {}
        self._refused: dict[object, str] = {}
        #: how many volumes there were when a container was refused: it is tried again with more
        self._known: dict[object, int] = {}
        self._locked: list[Volume] = []
        self._passphrases: list[bytes] = []
        self._number = 0
        self._has_loaded = False
        self.closed: tuple[Closed, ...] = ()
        sweep()

    def __enter__(self) -> Layers:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes what was opened here; harmless twice."""
        for disk in self._disks.values():
            disk.close()
        self._disks.clear()
        self._ledger.close()

    def volumes(self, disks: Sequence[Disk]) -> list[Volume]:
        """All volumes, also those in containers that are open or can be opened without asking."""
        found = find_volumes(disks)
        self._locked = []
        closed: list[Closed] = []
        seen: set[object] = set()
        fresh = list(found)
        while fresh and len(found) < MOST_VOLUMES:
            closed.clear()  # what is closed is told anew: more of an array may have come to light
            fresh = [
                *self._arrays(found, seen, closed),
                *self._encrypted(found, seen, closed),
                *self._logical(found, seen, closed),
            ]
            found += fresh
        self.closed = tuple(closed)
        return found[:MOST_VOLUMES]

    def unlock(self) -> bool:
        """Asks for the passphrase of what ``volumes`` found locked; whether one was opened."""
        for volume in self._locked:
            if volume.key in self._refused:
                continue
            if self._opens(volume):
                return True
        why = {volume.name: self._refused[volume.key] for volume in self._locked}
        self.closed = tuple(
            Closed(one.name, one.kind, why.get(one.name, one.why)) for one in self.closed
        )
        return False

    def _opens(self, volume: Volume) -> bool:
        for known in self._passphrases:
            if self._try(volume, known):
                return True
        what = f"{volume.name} (LUKS, UUID {plain(volume.signature.uuid)})"
        for attempt in range(MOST_ATTEMPTS):
            if self._refused.get(volume.key, _WRONG) != _WRONG:
                break  # no passphrase helps
            passphrase = self._ask(f"{what}, as that does not open it" if attempt else what)
            if passphrase is None:
                break
            self._passphrases.append(passphrase)
            if self._try(volume, passphrase):
                return True
        self._refused.setdefault(volume.key, _NO_PASSPHRASE)
        return False

    def _try(self, volume: Volume, passphrase: bytes) -> bool:
        self._load()
        try:
            node = luks.unlocked(
                volume, passphrase, self._name(), self._ledger, writable=self.writable
            )
        except luks.WrongPassphrase:
            self._refused[volume.key] = _WRONG
            return False
        except (CannotOpen, CannotMount) as refusal:
            self._refused[volume.key] = str(refusal)
            return False
        self._refused.pop(volume.key, None)
        self._disks[volume.key] = Disk(node)
        return True

    def _arrays(
        self, found: Sequence[Volume], seen: set[object], closed: list[Closed]
    ) -> Iterator[Volume]:
        for array in raid.arrays(found):
            first = array.members[0][0]
            if array.uuid in seen:
                continue
            mirror = None if self.writable else raid.mirrored(array)
            node = raid.running(array)
            if node is None and mirror is not None:
                seen.add(array.uuid)
                yield mirror
                continue
            disk = self._disk(array.uuid, node, len(found), partial(self._assembled, array))
            if disk is None:
                closed.append(Closed(array.name, RAID, self._refused[array.uuid]))
                continue
            seen.add(array.uuid)
            yield from _content(disk, array.name, array.names, first, RAID)

    def _encrypted(
        self, found: Sequence[Volume], seen: set[object], closed: list[Closed]
    ) -> Iterator[Volume]:
        for volume in found:
            if volume.kind != LUKS or volume.key in seen:
                continue
            node = luks.running(volume)
            if node is not None or volume.key in self._disks:
                disk = self._disk(volume.key, node, len(found))
                if disk is not None:
                    seen.add(volume.key)
                    yield from _content(disk, content_name(volume), (), volume, LUKS)
                    continue
            self._locked = [one for one in self._locked if one.key != volume.key] + [volume]
            closed.append(Closed(volume.name, LUKS, self._refused.get(volume.key, _NO_PASSPHRASE)))

    def _logical(
        self, found: Sequence[Volume], seen: set[object], closed: list[Closed]
    ) -> Iterator[Volume]:
        known = logical.groups(found)
        for one in known.logical[:MOST_VOLUMES]:
            if one.identity in seen:
                continue
            node = logical.running(one, known)
            place = logical.placed(one, known) if node is None else None
            if self.writable and one.origin and node is None:
                closed.append(
                    Closed(one.mapped, LVM, "it has snapshots; activate it: vgchange -ay")
                )
                continue
            if place is not None:
                seen.add(one.identity)
                yield place
                continue
            disk = self._disk(one.identity, node, len(found), partial(self._joined, one, known))
            if disk is None:
                closed.append(Closed(one.mapped, LVM, self._refused[one.identity]))
                continue
            seen.add(one.identity)
            under = logical.home(one, known) or next(iter(known.physical.values()))
            yield from _content(disk, one.mapped, logical.names(one), under, LVM)

    def _assembled(self, array: raid.Array) -> str:
        return raid.assembled(array, self._ledger, writable=self.writable)

    def _joined(self, one: lvm.Logical, known: logical.Groups) -> str:
        if one.obstacle:
            raise CannotOpen(f"{one.obstacle}; activate it: vgchange -ay {one.group}")
        return logical.mapped(one, known, self._name(), self._ledger, writable=self.writable)

    def _disk(
        self, key: object, node: str | None, known: int, make: Callable[[], str] = str
    ) -> Disk | None:
        """What is in a container, opened once; None where it cannot be, with the reason noted."""
        if key in self._disks:
            return self._disks[key]
        if node is None and self._known.get(key, -1) >= known:
            return None
        self._load()
        try:
            self._disks[key] = Disk(node or make())
        except (CannotOpen, CannotMount, OSError) as refusal:
            self._refused[key], self._known[key] = str(refusal), known
            return None
        return self._disks[key]

    def _name(self) -> str:
        self._number += 1
        if self._number > MOST_OPENED:
            raise CannotOpen("too much was to be opened before")
        return f"lifebuoy-{self._ledger.token}-{self._number}"

    def _load(self) -> None:
        if not self._has_loaded:
            self._has_loaded = True
            run(["modprobe", "-q", "-a", "dm_mod", "md_mod"])


def _content(
    disk: Disk, name: str, names: tuple[str, ...], under: Volume, kind: str
) -> Iterator[Volume]:
    """The volumes in what was opened: one, or the partitions of an array."""
    disk.bottom = under.disk.bottom
    inside = (*under.inside, kind)
    parts = disk.parts() if kind == RAID else []
    for part in parts:
        yield range_of(
            disk,
            f"{name}p{part.number}",
            part.start,
            part.size,
            part=part,
            names=tuple(f"{one}p{part.number}" for one in names),
            inside=inside,
        )
    if not parts:
        yield range_of(disk, name, 0, disk.size, names=names, inside=inside)
