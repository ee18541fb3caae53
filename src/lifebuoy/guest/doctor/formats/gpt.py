"""The GUID partition table: both headers, their checksums, and the entries of the better one."""

from __future__ import annotations

import struct
import uuid
import zlib
from collections.abc import Callable
from dataclasses import dataclass

SIGNATURE = b"EFI PART"
ESP = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
BIOS_BOOT = "21686148-6449-6e6f-744e-656564454649"
MOST_ENTRIES = 512
_HEADER = struct.Struct("<8sIIIIQQQQ16sQIII")


@dataclass(frozen=True)
class Partition:
    """One entry; sectors are of 512 bytes, ``kind`` and ``uuid`` lower-case GUIDs."""

    number: int
    kind: str
    uuid: str
    start: int
    sectors: int


@dataclass(frozen=True)
class Table:
    """A header that is whole, with its entries; ``raw_entries`` are their bytes as they stand."""

    own_sector: int
    other_sector: int
    entries_sector: int
    raw_header: bytes
    raw_entries: bytes
    partitions: tuple[Partition, ...]


def read_table(read: Callable[[int, int], bytes], sector: int) -> Table | None:
    """The table whose header is at this sector, None where it is not whole.

    ``read`` gives bytes by offset and length, fewer where the disk ends.
    """
    raw = read(sector * 512, 512)
    if len(raw) < 92 or raw[:8] != SIGNATURE:
        return None
    (_, _, size, crc, _, own, other, _, _, _, at, count, each, entries_crc) = _HEADER.unpack_from(
        raw
    )
    if not 92 <= size <= 512 or not 128 <= each <= 1024 or not 0 < count <= MOST_ENTRIES:
        return None
    blank = raw[:16] + b"\0\0\0\0" + raw[20:size]
    if zlib.crc32(blank) != crc or own != sector:
        return None
    entries = read(at * 512, count * each)
    if len(entries) != count * each or zlib.crc32(entries) != entries_crc:
        return None
    return Table(own, other, at, raw[:size], entries, tuple(_partitions(entries, each)))


def _partitions(raw: bytes, each: int) -> list[Partition]:
    found = []
    for number in range(len(raw) // each):
        entry = raw[number * each : number * each + 128]
        kind = entry[:16]
        first, last = struct.unpack_from("<QQ", entry, 32)
        if kind == bytes(16) or not 0 < first <= last < 1 << 55:
            continue
        found.append(
            Partition(number + 1, _guid(kind), _guid(entry[16:32]), first, last - first + 1)
        )
    return found


def _guid(raw: bytes) -> str:
    return str(uuid.UUID(bytes_le=raw))


def mirrored(table: Table, *, own: int, other: int, entries_sector: int) -> bytes:
    """The header that belongs to the other end of the disk, made from this whole one."""
    raw = bytearray(table.raw_header)
    struct.pack_into("<I", raw, 16, 0)
    struct.pack_into("<QQ", raw, 24, own, other)
    struct.pack_into("<Q", raw, 72, entries_sector)
    struct.pack_into("<I", raw, 16, zlib.crc32(bytes(raw)))
    return bytes(raw).ljust(512, b"\0")
