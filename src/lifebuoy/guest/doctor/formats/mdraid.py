"""Linux software RAID: the superblock of a member, versions 1.0, 1.1, 1.2 and 0.90.

Only superblocks with a right checksum, at the place that they name themselves, are believed.
Source: the kernel's include/uapi/linux/raid/md_p.h.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

Read = Callable[[int, int], bytes]

MAGIC = b"\xfc\x4e\x2b\xa9"
MIRROR = 1
_FEATURE_RECOVERING = 2
_FEATURE_RESHAPING = 4
_MOST_DEVICES = 1920
_OLD_DISKS = 27
_FAULTY, _SYNCED = 1, 4


@dataclass(frozen=True)
class Member:
    """A member of an array; bytes.

    ``array`` is the array's UUID as mdadm prints it. ``slot`` is the member's place in the array,
    None for a spare or one that failed. ``known`` are the places that had a working member when
    this superblock was written. ``whole``: the member's data are complete.
    """

    array: str
    name: str
    version: str
    level: int
    devices: int
    events: int
    slot: int | None
    known: frozenset[int]
    offset: int
    size: int
    whole: bool
    reshaping: bool


def read_member(read: Read, size: int) -> Member | None:
    """The member that a volume of this size is, from a reader of it."""
    end = size // 512
    for version, at in (("1.0", (end - 16) & ~7), ("1.1", 0), ("1.2", 8)):
        if at >= 0:
            found = _new(read(at * 512, 4096), version, at)
            if found is not None and found.offset + found.size <= size:
                return found
    at = (size & ~0xFFFF) - 0x10000
    return _old(read(at, 4096), at) if at > 0 else None


def _folded(data: bytes) -> int:
    words = len(data) // 4
    total: int = sum(struct.unpack_from(f"<{words}I", data))
    if len(data) % 4:
        total += struct.unpack_from("<H", data, words * 4)[0]
    return ((total & 0xFFFFFFFF) + (total >> 32)) & 0xFFFFFFFF


def _new(raw: bytes, version: str, sector: int) -> Member | None:
    if raw[:4] != MAGIC or len(raw) < 256 or struct.unpack_from("<I", raw, 4)[0] != 1:
        return None
    checksum, most = struct.unpack_from("<II", raw, 216)
    if most > _MOST_DEVICES or len(raw) < 256 + most * 2:
        return None
    if _folded(raw[:216] + bytes(4) + raw[220 : 256 + most * 2]) != checksum:
        return None
    features = struct.unpack_from("<I", raw, 8)[0]
    level = struct.unpack_from("<i", raw, 72)[0]
    sectors, _, devices = struct.unpack_from("<QII", raw, 80)
    offset, _, own, recovered, number = struct.unpack_from("<QQQQI", raw, 128)
    if own != sector:
        return None
    roles = struct.unpack_from(f"<{most}H", raw, 256)
    slot = roles[number] if number < most else None
    return Member(
        ":".join(raw[at : at + 4].hex() for at in range(16, 32, 4)),
        raw[32:64].split(b"\0")[0].decode("utf-8", "replace"),
        version,
        level,
        devices,
        struct.unpack_from("<Q", raw, 200)[0],
        slot if slot is not None and slot < devices else None,
        frozenset(role for role in roles if role < devices),
        offset * 512,
        sectors * 512,
        not features & _FEATURE_RECOVERING or recovered >= sectors,
        bool(features & _FEATURE_RESHAPING),
    )


def _old(raw: bytes, at: int) -> Member | None:
    if raw[:4] != MAGIC or len(raw) < 4096:
        return None
    words = struct.unpack_from("<1024I", raw)
    if words[1:3] not in ((0, 90), (0, 91)):
        return None
    if _folded(raw[:152] + bytes(4) + raw[156:]) != words[38]:
        return None
    size, devices = words[8] * 1024, words[10]
    if not 0 <= at - size < 0x20000:
        return None  # that of another volume which ends where this one does
    known = set()
    for number in range(_OLD_DISKS):
        slot, state = words[128 + number * 32 + 3], words[128 + number * 32 + 4]
        if slot < devices and state & _SYNCED and not state & _FAULTY:
            known.add(slot)
    slot, state = words[995], words[996]
    works = slot < devices and bool(state & _SYNCED) and not state & _FAULTY
    return Member(
        ":".join(f"{words[one]:08x}" for one in (5, 13, 14, 15)),
        str(words[11]) if words[11] < 1 << 20 else "",
        "0.90",
        words[7] - (1 << 32) if words[7] >> 31 else words[7],
        devices,
        words[39] | words[40] << 32,
        slot if works else None,
        frozenset(known),
        0,
        size,
        works,
        words[2] == 91,
    )
