"""Disks and files that are almost right: parsers get past the first checks, and still answer.

Random bytes alone never carry a right checksum or magic number.
"""

from __future__ import annotations

import io
import struct
import tempfile
import uuid
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lifebuoy.guest.doctor.checks import base_loader_cache, kernel_image
from lifebuoy.guest.doctor.disk import Disk
from lifebuoy.guest.doctor.formats import cpio, elf, ext, gpt, grubcore, lvm, signature
from lifebuoy.guest.doctor.volume import find_volumes

FEW_SECONDS: Final = 5000
SECTORS: Final = 256
#: numbers that hurt: none, one, sign bits, all ones, and what is just past the end
NUMBERS: Final = st.sampled_from(
    (0, 1, 2, 7, 127, 128, 255, 512, 2**15, 2**16 - 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1)
)
#: where, how many bytes, and the number that is put there
EDITS: Final = st.lists(
    st.tuples(st.integers(0, 1 << 20), st.sampled_from((1, 2, 4, 8)), NUMBERS), max_size=12
)
Edits = list[tuple[int, int, int]]


def edited(data: bytes, edits: Edits, start: int = 0, end: int | None = None) -> bytes:
    """The bytes with these numbers written between ``start`` and ``end``."""
    raw = bytearray(data)
    span = (len(raw) if end is None else end) - start - 8
    for at, width, number in edits:
        place = start + at % span
        raw[place : place + width] = (number % (1 << 8 * width)).to_bytes(width, "little")
    return bytes(raw)


def partition_table(header: Edits, entries: Edits) -> bytes:
    """A disk with a GPT, edited, whose checksums are right all the same."""
    kind = uuid.UUID(gpt.ESP).bytes_le
    rows = b"".join(
        kind + uuid.uuid4().bytes_le + struct.pack("<QQQ", 40 + n * 8, 47 + n * 8, 0) + bytes(72)
        for n in range(4)
    )
    rows = edited(rows, entries)
    fields = (b"EFI PART", 1 << 16, 92, 0, 0, 1, SECTORS - 1, 34, SECTORS - 34, bytes(16))
    raw = struct.pack("<8sIIIIQQQQ16sQIII", *fields, 2, 4, 128, zlib.crc32(rows))
    raw = edited(raw, header, 72, 92) if header else raw
    size = struct.unpack_from("<I", raw, 12)[0]
    raw = raw[:16] + struct.pack("<I", zlib.crc32(raw[:16] + bytes(4) + raw[20:size])) + raw[20:]
    disk = bytes(446) + b"\0\0\2\0\xee\xff\xff\xff\1\0\0\0" + struct.pack("<I", SECTORS - 1)
    disk = disk.ljust(510, b"\0") + b"\x55\xaa"
    return (disk + raw.ljust(512, b"\0") + rows).ljust(SECTORS * 512, b"\0")


def looked_at(data: bytes) -> list[str]:
    """The volumes of a disk with these bytes, each read at its start and past its end."""
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(data)
        disk = Disk(file.name)
        try:
            volumes = find_volumes([disk])
            for volume in volumes:
                volume.read(0, 4096)
                volume.read(volume.size - 1, 4096)
                ext.backup(volume.read, volume.size)
            return [volume.name for volume in volumes]
        finally:
            disk.close()


def test_the_table_that_is_edited_is_right_without_edits() -> None:
    assert len(looked_at(partition_table([], []))) == 4


@settings(deadline=FEW_SECONDS)
@given(header=EDITS, entries=EDITS)
def test_a_partition_table_with_right_checksums_is_answered(header: Edits, entries: Edits) -> None:
    looked_at(partition_table(header, entries))


@settings(deadline=FEW_SECONDS)
@given(edits=EDITS, kinds=st.lists(st.sampled_from((0, 5, 0x83, 0x8E, 0xEE)), min_size=4))
def test_a_chain_of_extended_partitions_is_answered(edits: Edits, kinds: list[int]) -> None:
    rows = [b"\x80\0\0\0" + bytes([kind]) + b"\0\0\0\1\0\0\0\2\0\0\0" for kind in kinds]
    sectors = [
        bytes(446) + b"".join(rows[at % len(rows) :][:4]).ljust(64, b"\0") + b"\x55\xaa"
        for at in range(16)
    ]
    looked_at(edited(b"".join(sectors), edits).ljust(SECTORS * 512, b"\0"))


def reader(data: bytes) -> Callable[[int, int], bytes]:
    return lambda offset, length: data[offset : offset + length] if offset >= 0 else b""


def superblock() -> bytes:
    """An ext superblock of a file system of four groups."""
    raw = bytearray(1024)
    struct.pack_into("<IIIIIIIIII", raw, 0, 8192, 131072, 0, 0, 0, 0, 2, 2, 32768, 32768)
    struct.pack_into("<I", raw, 40, 2048)
    raw[56:58], raw[58], raw[88:90] = ext.MAGIC, 1, b"\0\1"
    return bytes(raw)


def physical_volume() -> bytes:
    """The start of a physical volume of LVM, with a metadata text."""
    text = (
        b'vg {\nid = "a"\nextent_size = 8192\nphysical_volumes {\npv0 {\nid = "b-c"\n'
        b"pe_start = 2048\n}\n}\nlogical_volumes {\nroot {\nsegment1 {\nstart_extent = 0\n"
        b'extent_count = 4\ntype = "striped"\nstripes = [\n"pv0", 0\n]\n}\n}\n}\n}\n'
    )
    label = b"LABELONE" + struct.pack("<QII", 1, 0, 32) + b"LVM2 001" + b"bc".ljust(32, b"0")
    areas = struct.pack("<QQQQQQQQQ", 1 << 30, 1 << 20, 0, 0, 0, 4096, 8192, 0, 0)
    metadata = b"\0\0\0\0 LVM2 x[5A%r0N*>" + struct.pack("<IQQ", 1, 4096, 8192)
    metadata += struct.pack("<QQ", 512, len(text) + 1)
    start = bytes(512) + (label + areas).ljust(512, b"\0")
    return (start.ljust(4096, b"\0") + metadata.ljust(512, b"\0") + text).ljust(16384, b"\0")


def initramfs() -> bytes:
    """Two members of an archive, and its end."""
    out = b""
    for name, data in ((b"init", b"#!"), (b"lib/a.ko", bytes(64)), (b"TRAILER!!!", b"")):
        fields = [0] * 13
        fields[6], fields[11] = len(data), len(name) + 1
        out += b"070701" + b"".join(b"%08X" % one for one in fields) + name + b"\0"
        out = out.ljust(-(-len(out) // 4) * 4, b"\0") + data
        out = out.ljust(-(-len(out) // 4) * 4, b"\0")
    return out


def library() -> bytes:
    """A program of this system: a small one, as its symbols and sections do not matter."""
    return Path("/bin/true").resolve().read_bytes()


def loader_cache() -> bytes:
    """A cache of two libraries."""
    head = b"glibc-ld.so.cache1.1" + struct.pack("<II", 2, 32) + bytes(20)
    rows = struct.pack("<iIIIQ", 0x303, 96, 104, 0, 0) * 2
    return head + rows + b"liba.so\0/lib/a.so\0".ljust(32, b"\0")


def module() -> bytes:
    """A module of GRUB with three symbols."""
    names = b"\0grub_a\0grub_b\0"
    symbols = b"".join(
        struct.pack("<IIIBBH", at, 0, 0, 0, 0, home) for at, home in ((1, 0), (8, 1))
    )
    rows = b"".join(
        struct.pack("<IIIIIIIIII", 0, kind, 0, 0, offset, size, link, 0, 0, 0)
        for kind, offset, size, link in ((0, 0, 0, 0), (2, 200, 32, 2), (3, 240, len(names), 0))
    )
    head = b"\x7fELF\1\1\1".ljust(32, b"\0") + struct.pack("<I", 52) + bytes(10)
    head += struct.pack("<HHH", 40, 3, 0)
    return (head + rows).ljust(200, b"\0") + symbols.ljust(40, b"\0") + names


SAMPLES: Final[dict[str, tuple[Callable[[], bytes], Callable[[bytes], object]]]] = {
    "elf": (library, elf.parse),
    "ext": (superblock, ext.parse),
    "signature": (lambda: bytes(1024) + superblock(), signature.read_signature),
    "lvm": (physical_volume, lambda data: _logical(data)),
    "initramfs": (initramfs, lambda data: cpio.listing(io.BytesIO(data)).names),
    "ld-cache": (loader_cache, lambda data: base_loader_cache._fault(data) == ""),
    "grub-module": (module, grubcore.module_symbols),
    "kernel": (
        lambda: (bytes(0x1F1) + b"\4\0\0\1\0\0\0").ljust(0x202, b"\0") + b"HdrS" + bytes(0x2000),
        lambda data: kernel_image._fault(data, len(data))[0] == "",
    ),
}


def _logical(data: bytes) -> list[lvm.Logical]:
    found = lvm.read_physical(reader(data))
    return lvm.logical_volumes(found[1]) if found else []


@pytest.mark.parametrize("name", SAMPLES)
def test_each_sample_is_understood_without_edits(name: str) -> None:
    make, parse = SAMPLES[name]
    found = parse(make())
    assert found
    assert getattr(found, "fault", "") == ""


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_that_is_cut_off_anywhere_is_answered(name: str) -> None:
    make, parse = SAMPLES[name]
    data = make()
    for length in range(min(len(data), 5000)):
        parse(data[:length])


@pytest.mark.parametrize("name", SAMPLES)
@settings(deadline=FEW_SECONDS)
@given(edits=EDITS, length=st.none() | st.integers(0, 1 << 16))
def test_a_sample_with_numbers_that_hurt_is_answered(
    name: str, edits: Edits, length: int | None
) -> None:
    make, parse = SAMPLES[name]
    data = make()
    end = min(len(data), 4096)  # where the numbers are that lead to others
    parse(edited(data, edits, 0, end)[:length])
