"""GRUB's core image for the BIOS, in a file or in the gap behind the boot sector.

Layout: a sector that loads the rest by a list of blocks, a decompressor, the LZMA-compressed
kernel with its built-in modules. The offsets are those of grub/offsets.h.
"""

from __future__ import annotations

import lzma
import struct
from collections.abc import Callable
from dataclasses import dataclass

SECTOR = 512
MOST_SECTORS = 4096
MOST_LONG_TRIES = 8  # starts from which so much can be unpacked, and then no more
_ENOUGH = 64 << 10
_KERNEL_SECTOR = 0x5C
_DRIVE_CHECK = 0x66
_BPB = slice(0x03, 0x5A)
_TABLE = slice(0x1B8, 0x200)
_FIRST_BLOCK = 0x1F4
_LOAD_SEGMENT = 0x820
_COMPRESSED = 0x208
_PLAIN = 0x20C
_REDUNDANCY = 0x210
_UNPROTECTED = 0x214
_BLOCK_LIST = 0x180  # from there on the first sector is this disk's
_FIELDS_END = 0x220


@dataclass(frozen=True)
class Core:
    """A core image: its bytes, and the kernel unpacked (empty where that fails)."""

    data: bytes
    kernel: bytes

    @property
    def intact(self) -> bool:
        """Whether the boot would get through it."""
        return bool(self.kernel)


def is_boot_sector(sector: bytes) -> bool:
    """Whether the first sector of a disk is GRUB's."""
    return b"GRUB \0Geom\0Hard Disk\0" in sector[0x150:0x1B8]


def parse(data: bytes) -> Core:
    """A core image as in core.img, or as read from the disk (longer, with redundancy)."""
    return Core(data, _unpack(data))


def _unpack(data: bytes) -> bytes:
    if len(data) < 0x400:
        return b""
    compressed, plain = struct.unpack_from("<II", data, _COMPRESSED)
    if not 1024 <= compressed <= len(data) or not 1024 <= plain <= 8 << 20:
        return b""
    redundancy = struct.unpack_from("<I", data, _REDUNDANCY)[0]
    # Where the compressed part begins: right after the decompressor, whose size no field tells.
    long_tries = 0
    for end in _ends(data, redundancy):
        start = end - compressed
        if start < 0x400:
            continue
        out = _lzma(data[start:end], plain)
        if len(out) == plain:
            return out
        long_tries += len(out) >= min(plain, _ENOUGH)
        if long_tries > MOST_LONG_TRIES:
            break
    return b""


def _lzma(data: bytes, plain: int) -> bytes:
    """What can be unpacked, at most ``plain`` bytes; nothing, as soon as it is no LZMA."""
    filters = [{"id": lzma.FILTER_LZMA1, "dict_size": 1 << 24, "lc": 3, "lp": 0, "pb": 2}]
    unpacker = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters)
    out = b""
    try:
        out = unpacker.decompress(data, min(plain, _ENOUGH))
        if len(out) < plain and not unpacker.eof:
            out += unpacker.decompress(b"", plain - len(out))
    except lzma.LZMAError:
        pass
    return out


def _ends(data: bytes, redundancy: int) -> list[int]:
    length = len(data)
    if redundancy and redundancy < length:
        # read in whole sectors: redundancy was chosen to fill them
        return [length - redundancy]
    return [length, *range(length - 1, max(length - SECTOR, 0), -1)]


def embedded(read: Callable[[int, int], bytes]) -> Core | None:
    """The core image that the boot sector of a disk loads; None where there is none."""
    sector = read(0, SECTOR)
    if not is_boot_sector(sector):
        return None
    first = struct.unpack_from("<Q", sector, _KERNEL_SECTOR)[0]
    head = read(first * SECTOR, SECTOR) if 0 < first < 1 << 40 else b""
    if len(head) < SECTOR:
        return Core(b"", b"")
    parts, total = [head], 0
    at = _FIRST_BLOCK
    while at > 0x100:
        start, count, _ = struct.unpack_from("<QHH", head, at)
        if count == 0:
            break
        total += count
        if total > MOST_SECTORS or start >= 1 << 40:
            return Core(head, b"")
        parts.append(read(start * SECTOR, count * SECTOR))
        at -= 12
    return parse(b"".join(parts))


def made_up_for(damaged: bytes, good: bytes) -> bool:
    """Whether GRUB mends this core image itself while it loads, by its Reed-Solomon redundancy.

    ``good`` is the core image that it was; half of what the redundancy could make up for counts.
    """
    if len(good) < 0x400 or len(damaged) < len(good):
        return False
    redundancy: int = struct.unpack_from("<I", damaged, _REDUNDANCY)[0]
    start = SECTOR + struct.unpack_from("<I", good, _UNPROTECTED)[0]
    if damaged[:_BLOCK_LIST] != good[:_BLOCK_LIST] or not _FIELDS_END <= start <= len(good):
        return False
    if damaged[_FIELDS_END:start] != good[_FIELDS_END:start]:
        return False
    wrong = sum(damaged[at] != good[at] for at in range(start, len(good)))
    return wrong * 4 <= min(redundancy, len(damaged) - len(good))


def boot_sector(image: bytes, old: bytes, first: int) -> bytes:
    """The sector to write: GRUB's boot.img with this disk's BPB and partition table."""
    new = bytearray(image[:SECTOR].ljust(SECTOR, b"\0"))
    new[_BPB] = old[_BPB]
    new[_TABLE] = old[_TABLE]
    struct.pack_into("<Q", new, _KERNEL_SECTOR, first)
    new[0x64] = 0xFF  # the drive that the BIOS says
    new[_DRIVE_CHECK : _DRIVE_CHECK + 2] = b"\x90\x90"  # some BIOSes say it wrongly
    new[510:512] = b"\x55\xaa"
    return bytes(new)


def for_place(core: bytes, first: int) -> bytes:
    """The core image as it lies in sectors from ``first`` on, whole sectors."""
    new = bytearray(core)
    new += bytes(-len(new) % SECTOR)
    rest = len(new) // SECTOR - 1
    struct.pack_into("<QHH", new, _FIRST_BLOCK, first + 1, rest, _LOAD_SEGMENT)
    struct.pack_into("<I", new, _REDUNDANCY, 0)
    return bytes(new)


def exported(data: bytes) -> set[bytes]:
    """Names that an ELF module, or the unpacked kernel with its modules, may offer."""
    return {one for one in data.split(b"\0") if 2 < len(one) < 100 and one.startswith(b"grub_")}


def module_symbols(data: bytes) -> tuple[set[bytes], set[bytes]]:
    """Names that a module defines, and those it needs from elsewhere."""
    defined: set[bytes] = set()
    wanted: set[bytes] = set()
    if data[:5] not in (b"\x7fELF\x01", b"\x7fELF\x02"):
        return defined, wanted
    wide = data[4] == 2
    at, each, count = (
        (*struct.unpack_from("<Q", data, 40), *struct.unpack_from("<HH", data, 58))
        if wide and len(data) >= 64
        else (*struct.unpack_from("<I", data, 32), *struct.unpack_from("<HH", data, 46))
        if len(data) >= 52
        else (0, 0, 0)
    )
    sections = []
    for number in range(min(count, 200)):
        raw = data[at + number * each : at + (number + 1) * each]
        if wide and len(raw) >= 64:
            _, kind, _, _, offset, size, link = struct.unpack_from("<IIQQQQI", raw)
        elif not wide and len(raw) >= 40:
            _, kind, _, _, offset, size, link = struct.unpack_from("<IIIIIII", raw)
        else:
            break
        sections.append((kind, offset, size, link))
    for kind, offset, size, link in sections:
        if kind != 2 or link >= len(sections):
            continue
        table = sections[link][1]
        step = 24 if wide else 16
        for place in range(
            offset, min(offset + size, len(data) - step + 1, offset + step * 5000), step
        ):
            name_at = struct.unpack_from("<I", data, place)[0]
            home = struct.unpack_from("<H", data, place + (6 if wide else 14))[0]
            start = table + name_at
            end = data.find(b"\0", start, start + 200)
            name = data[start:end] if end > start else b""
            if name:
                (wanted if home == 0 else defined).add(name)
    return defined, wanted
