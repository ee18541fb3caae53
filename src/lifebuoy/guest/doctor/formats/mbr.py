"""The master boot record: partitions, primary and logical, and the active flag."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

SECTOR = 512
SIGNATURE = b"\x55\xaa"
MOST_LOGICAL = 60
_EXTENDED = {0x05, 0x0F, 0x85}
PROTECTIVE = 0xEE


@dataclass(frozen=True)
class Entry:
    """One partition: first sector and length in sectors of 512 bytes."""

    number: int
    kind: int
    active: bool
    start: int
    sectors: int


def entries(sector: bytes) -> list[Entry]:
    """The four primary entries that are in use, whether or not the sector is signed."""
    found = []
    for number in range(4):
        raw = sector[446 + 16 * number : 462 + 16 * number]
        if len(raw) < 16:
            break
        flag, kind = raw[0], raw[4]
        start, sectors = struct.unpack_from("<II", raw, 8)
        if kind and sectors:
            found.append(Entry(number + 1, kind, flag == 0x80, start, sectors))
    return found


def signed(sector: bytes) -> bool:
    """Whether the firmware would take it for a boot record."""
    return sector[510:512] == SIGNATURE


def plausible(sector: bytes, disk_sectors: int) -> bool:
    """Whether the entries make sense on a disk of this size: none overlap, none lie beyond it."""
    found = sorted(entries(sector), key=lambda entry: entry.start)
    if not found or any(sector[446 + 16 * n] not in (0, 0x80) for n in range(4)):
        return False
    end = 1
    for entry in found:
        if entry.start < end or entry.start + entry.sectors > disk_sectors:
            return False
        end = entry.start + entry.sectors
    return True


def logical(read: Callable[[int], bytes], first: list[Entry]) -> list[Entry]:
    """The logical partitions in the extended one; ``read`` gives a sector by its number."""
    base = next((entry.start for entry in first if entry.kind in _EXTENDED), None)
    found: list[Entry] = []
    if base is None:
        return found
    at, seen = base, set()
    while at not in seen and len(found) < MOST_LOGICAL:
        seen.add(at)
        sector = read(at)
        if not signed(sector):
            break
        onward = None
        for entry in entries(sector):
            if entry.kind in _EXTENDED:
                onward = base + entry.start
            elif entry.number <= 2:
                start = at + entry.start
                found.append(Entry(5 + len(found), entry.kind, False, start, entry.sectors))
        if onward is None:
            break
        at = onward
    return found
