"""Whatever bytes are on a disk: every parser of the doctor answers, soon, without an exception."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lifebuoy.guest.doctor import kernels, openrc
from lifebuoy.guest.doctor.checks import base_loader_cache, kernel_image
from lifebuoy.guest.doctor.formats import (
    accounts,
    bls,
    cpio,
    elf,
    ext,
    fstab,
    gpt,
    grubcfg,
    grubcore,
    lvm,
    mbr,
    pam,
    signature,
    sshdconfig,
    syslinuxcfg,
    unitfile,
)
from lifebuoy.guest.doctor.naming import plain
from lifebuoy.guest.doctor.packages import dpkg

FEW_SECONDS = 5000


def reader(data: bytes) -> Callable[[int, int], bytes]:
    return lambda offset, length: data[offset : offset + length] if offset >= 0 else b""


def sectors(data: bytes) -> Callable[[int], bytes]:
    return lambda number: data[number * 512 : number * 512 + 512]


BINARY: dict[str, tuple[Callable[[bytes], object], bytes]] = {
    "elf": (elf.parse, b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\0\x3e\0"),
    "ext": (ext.parse, bytes(56) + ext.MAGIC),
    "ext-backup": (lambda data: ext.backup(reader(data), len(data)), bytes(56) + ext.MAGIC),
    "gpt": (lambda data: gpt.read_table(reader(bytes(512) + data), 1), b"EFI PART"),
    "mbr": (mbr.entries, b""),
    "mbr-logical": (
        lambda data: mbr.logical(sectors(data), [mbr.Entry(1, 5, False, 0, 100)]),
        bytes(450) + b"\x05" + bytes(59) + mbr.SIGNATURE,
    ),
    "signature": (signature.read_signature, b"XFSB"),
    "lvm": (lambda data: lvm.read_physical(reader(data)), bytes(512) + b"LABELONE"),
    "grub-core": (grubcore.parse, b""),
    "grub-embedded": (
        lambda data: grubcore.embedded(reader(data)),
        bytes(0x180) + b"GRUB \0Geom\0Hard Disk\0",
    ),
    "grub-module": (grubcore.module_symbols, b"\x7fELF\x01"),
    "initramfs": (lambda data: cpio.listing(io.BytesIO(data)), b"070701"),
    "initramfs-gzip": (lambda data: cpio.listing(io.BytesIO(data)), b"\x1f\x8b\x08"),
    "ld-cache": (base_loader_cache._fault, b"glibc-ld.so.cache1.1"),
    "kernel-release": (kernels.release_of, bytes(0x202) + b"HdrS"),
    "kernel": (lambda data: kernel_image._fault(data, len(data)), bytes(0x202) + b"HdrS"),
}
TEXT: dict[str, Callable[[str], object]] = {
    "grub-config": grubcfg.parse,
    "fstab": fstab.parse,
    "passwd": accounts.accounts,
    "passwd-malformed": lambda text: accounts.malformed(text, "passwd"),
    "shadow-malformed": lambda text: accounts.malformed(text, "shadow"),
    "dpkg-status": dpkg.packages_of,
    "dpkg-sums": dpkg.sums_of,
    "dpkg-diversions": dpkg.diversions_of,
    "dpkg-overrides": dpkg.overrides_of,
    "dpkg-config": dpkg.left_out_by,
    "pam": pam.parse,
    "sshd-config": sshdconfig.faults,
    "loader-entry": bls.parse,
    "grubenv": bls.environment,
    "extlinux": lambda text: syslinuxcfg.parse(text).chosen(),
    "inittab": openrc.getties,
    "lvm-metadata": lvm.logical_volumes,
    "unit-file": lambda text: unitfile.fault(text, "a.service"),
    "unit-programs": unitfile.programs,
    "name": plain,
}
SHELL = ("menuentry", "{", "}", "'", '"', "$", "linux", "initrd", "search", "--fs-uuid", "set")
OTHER = ("UUID=", "/", "ext4", ":", "root", "\n", "\n\n", " ", "=", "[", "]", "Package: a", "\\040")
WORDS = st.lists(st.sampled_from((*SHELL, *OTHER)), max_size=400).map(" ".join)


@pytest.mark.parametrize("name", BINARY)
@settings(deadline=FEW_SECONDS, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=8192))
def test_any_bytes_are_answered(name: str, data: bytes) -> None:
    parse, start = BINARY[name]
    parse(data)
    parse(start + data)


@pytest.mark.parametrize("name", TEXT)
@settings(deadline=FEW_SECONDS, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=4000) | WORDS)
def test_any_text_is_answered(name: str, text: str) -> None:
    TEXT[name](text)


@given(st.text())
def test_a_name_shown_has_no_control_character(text: str) -> None:
    shown = plain(text)
    assert all(char.isprintable() or char == "\t" for char in shown)
    assert len(shown) < 7 * 300
