"""ELF files, as the kernel and the loader read them: interpreter, libraries needed, truncation.

Reads the program headers and the dynamic section only, so a damaged section table does no harm.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

MOST_HEADERS = 200
MOST_TAGS = 4096
MAGIC = b"\x7fELF"


@dataclass(frozen=True)
class Elf:
    """What counts. ``wanted_size``: how long the file must be; ``fault``: why it is none."""

    machine: int = 0
    bits: int = 64
    interpreter: str = ""
    needed: tuple[str, ...] = ()
    soname: str = ""
    run_path: tuple[str, ...] = ()
    wanted_size: int = 0
    fault: str = ""


def parse(data: bytes) -> Elf:
    """The ELF file with these bytes."""
    if data[:4] != MAGIC:
        return Elf(fault="no ELF header")
    if len(data) < 64 or data[4] not in (1, 2) or data[5] not in (1, 2):
        return Elf(fault="the ELF header is damaged")
    order = "<" if data[5] == 1 else ">"
    bits = 32 if data[4] == 1 else 64
    layout = order + ("HHIIIIIHHHHHH" if bits == 32 else "HHIQQQIHHHHHH")
    header = struct.unpack_from(layout, data, 16)
    kind, machine = header[0], header[1]
    at, sections, each, count = header[4], header[5], header[8], header[9]
    section_each, section_count = header[10], header[11]
    if kind not in (2, 3) or count > MOST_HEADERS or each != (32 if bits == 32 else 56):
        return Elf(machine, bits, fault="the ELF header is damaged")
    segments = []
    for number in range(count):
        raw = data[at + number * each : at + (number + 1) * each]
        if len(raw) < each:
            return Elf(machine, bits, fault="the program headers are cut off")
        segments.append(_segment(order, bits, raw))
    wanted = max([at + count * each, *(one[1] + one[3] for one in segments)])
    if sections and section_count:
        wanted = max(wanted, sections + section_each * section_count)
    if wanted > len(data):
        return Elf(machine, bits, wanted_size=wanted, fault="the file is cut off")
    return _dynamic(data, order, bits, segments, Elf(machine, bits, wanted_size=wanted))


def _segment(order: str, bits: int, raw: bytes) -> tuple[int, int, int, int]:
    """Type, offset in the file, address, bytes in the file."""
    if bits == 32:
        kind, offset, address, _, size = struct.unpack_from(order + "5I", raw)
        return kind, offset, address, size
    kind, _, offset, address, _, size = struct.unpack_from(order + "IIQQQQ", raw)
    return kind, offset, address, size


def _dynamic(
    data: bytes, order: str, bits: int, segments: list[tuple[int, int, int, int]], elf: Elf
) -> Elf:
    interpreter, tags = "", []
    for kind, offset, _, size in segments:
        if kind == 3:
            interpreter = _string(data, offset)
        elif kind == 2:
            tags = _tags(data[offset : offset + size], order, bits)
    table = next((value for tag, value in tags if tag == 5), None)
    at = _offset(table, segments) if table is not None else None
    if tags and at is None:
        return Elf(elf.machine, bits, fault="the dynamic section is damaged")
    base = at or 0

    def words(wanted: int) -> list[str]:
        return [_string(data, base + value) for tag, value in tags if tag == wanted]

    paths = [one for text in words(29) or words(15) for one in text.split(":") if one]
    return Elf(
        elf.machine,
        bits,
        interpreter,
        tuple(words(1)),
        (words(14) or [""])[0],
        tuple(paths),
        elf.wanted_size,
    )


def _tags(raw: bytes, order: str, bits: int) -> list[tuple[int, int]]:
    layout = struct.Struct(order + ("II" if bits == 32 else "QQ"))
    found = []
    for at in range(0, min(len(raw), MOST_TAGS * layout.size) - layout.size + 1, layout.size):
        tag, value = layout.unpack_from(raw, at)
        if tag == 0:
            break
        found.append((tag, value))
    return found


def _offset(address: int, segments: list[tuple[int, int, int, int]]) -> int | None:
    for kind, offset, start, size in segments:
        if kind == 1 and start <= address < start + size:
            return offset + address - start
    return None


def _string(data: bytes, at: int) -> str:
    if not 0 <= at < len(data):
        return ""
    end = data.find(b"\0", at, at + 4096)
    return data[at : end if end >= 0 else at].decode("utf-8", "replace")
