"""Superblocks of software RAID: understood at every place, believed only where all of it fits."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lifebuoy.guest.doctor.formats import mdraid

FEW_SECONDS: Final = 5000
SIZE: Final = 1 << 20
SECTORS: Final = SIZE // 512
PLACES: Final = {"1.0": SECTORS - 16, "1.1": 0, "1.2": 8}
NUMBERS: Final = st.sampled_from((0, 1, 2, 255, 2**15, 2**31, 2**32 - 1, 2**63, 2**64 - 1))
EDITS: Final = st.lists(
    st.tuples(st.integers(4, 4000), st.sampled_from((1, 2, 4, 8)), NUMBERS), max_size=8
)
Edits = list[tuple[int, int, int]]


def summed(raw: bytearray, place: int, length: int) -> bytes:
    """With a right checksum at ``place``, made here in another way than by the parser."""
    raw[place : place + 4] = bytes(4)
    words = length // 4
    total = sum(int.from_bytes(raw[at * 4 : at * 4 + 4], "little") for at in range(words))
    total += int.from_bytes(raw[words * 4 : length], "little")
    total = (total & 0xFFFFFFFF) + (total >> 32)
    raw[place : place + 4] = (total & 0xFFFFFFFF).to_bytes(4, "little")
    return bytes(raw)


def new(version: str, edits: Edits | None = None, **more: int) -> bytes:
    """A disk that is the second of a mirror of two."""
    raw = bytearray(4096)
    raw[:4] = mdraid.MAGIC
    struct.pack_into("<II", raw, 4, 1, more.get("features", 0))
    raw[16:32], raw[32:38] = bytes(range(16)), b"host:0"
    struct.pack_into("<iIQII", raw, 72, 1, 0, 1000, 0, 2)
    offset = 0 if version == "1.0" else 64
    own = more.get("own", PLACES[version])
    struct.pack_into("<QQQQI", raw, 128, offset, 1000, own, more.get("recovered", 0), 1)
    struct.pack_into("<Q", raw, 200, 42)
    struct.pack_into("<I", raw, 220, 3)
    struct.pack_into("<HHH", raw, 256, 0, 1, 0xFFFE)
    for at, width, number in edits or ():
        raw[at : at + width] = (number % (1 << 8 * width)).to_bytes(width, "little")
    most = min(struct.unpack_from("<I", raw, 220)[0], 1900)
    block = summed(raw, 216, 256 + 2 * most)
    at = PLACES[version] * 512
    return (bytes(at) + block).ljust(SIZE, b"\0")[:SIZE]


def old(size_kib: int = (SIZE - 0x10000) // 1024, edits: Edits | None = None) -> bytes:
    """A disk that is the first of a mirror of two, of version 0.90."""
    words = [0] * 1024
    words[0], words[2], words[7], words[8] = 0xA92B4EFC, 90, 1, size_kib
    words[5], words[13], words[14], words[15] = 1, 2, 3, 4
    words[10], words[11], words[39] = 2, 7, 42
    for number in (0, 1):
        words[128 + number * 32 : 128 + number * 32 + 5] = [number, 8, number, number, 6]
    words[992:997] = [0, 8, 0, 0, 6]
    raw = bytearray(struct.pack("<1024I", *words))
    for at, width, number in edits or ():
        raw[at : at + width] = (number % (1 << 8 * width)).to_bytes(width, "little")
    return (bytes(SIZE - 0x10000) + summed(raw, 152, 4096)).ljust(SIZE, b"\0")


def member(data: bytes) -> mdraid.Member | None:
    return mdraid.read_member(reader(data), len(data))


def reader(data: bytes) -> Callable[[int, int], bytes]:
    return lambda offset, length: data[offset : offset + length] if offset >= 0 else b""


@pytest.mark.parametrize("version", PLACES)
def test_a_member_is_understood_wherever_its_superblock_lies(version: str) -> None:
    found = member(new(version))
    assert found is not None
    assert (found.version, found.level, found.devices, found.slot) == (version, 1, 2, 1)
    assert (found.array, found.name) == ("00010203:04050607:08090a0b:0c0d0e0f", "host:0")
    assert (found.offset, found.size) == (0 if version == "1.0" else 64 * 512, 1000 * 512)
    assert (found.known, found.events) == (frozenset({0, 1}), 42)
    assert found.whole and not found.reshaping


def test_a_member_of_the_old_version_is_understood() -> None:
    found = member(old())
    assert found is not None
    assert (found.version, found.level, found.devices, found.slot) == ("0.90", 1, 2, 0)
    assert (found.array, found.name) == ("00000001:00000002:00000003:00000004", "7")
    assert (found.offset, found.size, found.events) == (0, SIZE - 0x10000, 42)
    assert found.known == frozenset({0, 1})


@pytest.mark.parametrize("version", PLACES)
def test_a_superblock_that_says_it_lies_elsewhere_is_another_volumes(version: str) -> None:
    assert member(new(version, own=PLACES[version] + 8)) is None
    assert member(old(size_kib=64)) is None


def test_a_member_that_is_being_filled_is_not_whole() -> None:
    filling = member(new("1.2", features=2, recovered=500))
    filled = member(new("1.2", features=2, recovered=1000))
    assert filling is not None and not filling.whole
    assert filled is not None and filled.whole


@pytest.mark.parametrize("version", [*PLACES, "0.90"])
@given(at=st.integers(0, 255), bit=st.integers(0, 7))
@settings(deadline=FEW_SECONDS)
def test_a_superblock_with_one_wrong_bit_is_not_believed(version: str, at: int, bit: int) -> None:
    data = bytearray(old() if version == "0.90" else new(version))
    place = SIZE - 0x10000 if version == "0.90" else PLACES[version] * 512
    data[place + at] ^= 1 << bit
    assert member(bytes(data)) is None


@pytest.mark.parametrize("version", [*PLACES, "0.90"])
@given(edits=EDITS, length=st.none() | st.integers(0, SIZE))
@settings(deadline=FEW_SECONDS)
def test_numbers_that_hurt_are_answered_under_a_right_checksum(
    version: str, edits: Edits, length: int | None
) -> None:
    data = old(edits=edits) if version == "0.90" else new(version, edits)
    found = member(data[:length])
    assert found is None or found.offset + found.size <= SIZE or found.version == "0.90"
