"""The largest and most awkward input that each parser takes is answered in seconds.

The deadline is a wait's, and generous; what grows with the square of its input would take hours.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from lifebuoy.guest.doctor.checks import base_loader_cache, login_accounts
from lifebuoy.guest.doctor.formats import (
    accounts,
    cpio,
    elf,
    fstab,
    grubcfg,
    grubcore,
    lvm,
    mbr,
    pam,
    sshdconfig,
    unitfile,
)
from lifebuoy.guest.doctor.naming import plain
from lifebuoy.guest.doctor.packages import dpkg
from lifebuoy.guest.doctor.patient import Patient
from lifebuoy.guest.doctor.tree import Tree

MIB: Final = 1 << 20
#: for each parser of text, what its caller reads at most
TEXTS: Final[dict[str, tuple[Callable[[str], object], int]]] = {
    "grub-config": (grubcfg.parse, 4 * MIB),
    "fstab": (fstab.parse, MIB),
    "passwd": (accounts.accounts, MIB),
    "passwd-malformed": (lambda text: accounts.malformed(text, "passwd"), MIB),
    "dpkg-status": (dpkg.packages_of, dpkg.MOST_STATUS),
    "dpkg-sums": (dpkg.sums_of, 16 * MIB),
    "dpkg-diversions": (dpkg.diversions_of, MIB),
    "dpkg-overrides": (dpkg.overrides_of, MIB),
    "dpkg-config": (dpkg.left_out_by, 65536),
    "pam": (pam.parse, MIB >> 2),
    "sshd-config": (sshdconfig.faults, MIB),
    "lvm-metadata": (lvm.logical_volumes, 4 * MIB),
    "unit-file": (lambda text: unitfile.fault(text, "a.service"), unitfile.MOST_BYTES),
    "unit-programs": (unitfile.programs, unitfile.MOST_BYTES),
    "name": (plain, MIB),
}
#: what a text is made of; each made some parser of somebody's quadratic
PIECES: Final = (
    "a", " ", "\n", '"', "'", '\\"', '"\\', "{", "}", "${", "[", "=", ":", "a=[", "a { ",
    "menuentry a {\n", "auth ", "a\\\n", "a:b\n", " a\n", "Package: a\n a\n", "\n\nPackage: a\n",
)  # fmt: skip


@pytest.mark.timeout(150)
@pytest.mark.parametrize("name", TEXTS)
def test_the_longest_text_is_answered(name: str) -> None:
    parse, most = TEXTS[name]
    for piece in PIECES:
        parse(piece * (most // len(piece) // 16))
    for start, piece in (("menuentry a {\nlinux ", "b"), ("Package: a\nVersion: 1\nX: ", " y\n")):
        parse(start + piece * (most // len(piece) // 16))


def archive(name: bytes, data: bytes) -> bytes:
    """A cpio archive of one file."""

    def member(name: bytes, data: bytes) -> bytes:
        fields = [0] * 13
        fields[6], fields[11] = len(data), len(name) + 1
        head = b"070701" + b"".join(b"%08X" % one for one in fields)
        padded = (head + name + b"\0").ljust(-(-(len(head) + len(name) + 1) // 4) * 4, b"\0")
        return padded + data.ljust(-(-len(data) // 4) * 4, b"\0")

    return member(name, data) + member(b"TRAILER!!!", b"")


@pytest.mark.timeout(150)
@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_an_initramfs_that_swells_is_read_in_pieces(pack: Callable[[bytes], bytes]) -> None:
    whole = archive(b"bin/sh", bytes(96 * MIB))
    found = cpio.listing(io.BytesIO(pack(whole)))
    assert found.fault == ""
    assert found.names == {"bin/sh"}


@pytest.mark.timeout(150)
def test_megabytes_of_padding_between_archives_are_passed_over() -> None:
    data = bytes(8 * MIB) + archive(b"a", b"1") + bytes(16 * MIB + 4) + archive(b"b", b"2")
    assert cpio.listing(io.BytesIO(data)).names == {"a", "b"}


@pytest.mark.timeout(150)
def test_an_initramfs_cut_off_anywhere_is_damaged() -> None:
    whole = gzip.compress(archive(b"init", b"#!/bin/sh\n" * 500), 1)
    assert cpio.listing(io.BytesIO(whole)).fault == ""
    for length in range(1, len(whole) - 1):
        assert cpio.listing(io.BytesIO(whole[:length])).fault, length


@pytest.mark.timeout(150)
def test_a_core_image_with_a_start_at_every_byte_is_given_up() -> None:
    data = bytearray(2 * MIB)
    struct.pack_into("<III", data, 0x208, MIB, 8 * MIB, 0)
    grubcore.parse(bytes(data))
    data[0x400:] = bytes([0, 1, 2, 3]) * ((len(data) - 0x400) // 4)
    grubcore.parse(bytes(data))


@pytest.mark.timeout(150)
def test_the_largest_binaries_are_answered() -> None:
    elf.parse(b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\0\x3e\0" + b"\xff" * (64 * MIB))
    grubcore.module_symbols(b"\x7fELF\x01" + b"\x02" * (4 * MIB))
    grubcore.exported(b"grub_\0" * (MIB // 2))
    head = b"glibc-ld.so.cache1.1" + struct.pack("<II", base_loader_cache.MOST_ENTRIES, 0)
    base_loader_cache._fault(head.ljust(48, b"\0") + b"\x01\0\0\0" * (8 * MIB))
    mbr.logical(
        lambda number: bytes(450) + b"\x05" * 60 + mbr.SIGNATURE, [mbr.Entry(1, 5, False, 0, 9)]
    )


@pytest.mark.timeout(150)
def test_a_passwd_of_malformed_lines_alone_is_examined(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    text = "root:x:0:0:root:/root:/bin/sh\n" + "a:\n" * (MIB // 4)
    for name in ("passwd", "group"):
        (tmp_path / "etc" / name).write_text(text)
    patient = Patient([], [], "", tree=Tree(str(tmp_path)))
    found = [finding.seen for finding in login_accounts.examine(patient)]
    assert "/etc/passwd line 2 is malformed" in found
