"""A boot sector that does real work on a processor and says so on the first serial port.

Hand-assembled for x86: from real mode straight into long mode, then a fixed number of rounds of
CPUID (which always leaves the guest), multiplications and memory accesses; the result is checked
before it prints. It tells a processor that works from one that only starts. Pure.
"""

from __future__ import annotations

import struct
from typing import Final

DONE: Final = b"LIFEBUOY-PROBE-DONE"
WRONG: Final = b"LIFEBUOY-PROBE-WRONG"

_BASE: Final = 0x7C00  # where firmware loads a boot sector
_DISK_SIZE: Final = 1024 * 1024
_ROUNDS: Final = 20_000  # with one CPUID each
_STEPS: Final = 1_000  # per round
_FACTOR, _ADDEND, _SEED = 1664525, 1013904223, 1  # a linear congruential generator mod 2**32


def boot_disk() -> bytes:
    """A disk with the sector; smaller ones have no whole cylinder and SeaBIOS cannot read them."""
    return boot_sector().ljust(_DISK_SIZE, b"\0")


def boot_sector() -> bytes:
    """The 512 bytes."""
    real = _real_mode(b"\0" * 2, b"\0" * 2)
    long_mode = _BASE + len(real)
    table = long_mode + len(_work(0, 0))
    good = table + len(_descriptors(table))
    wrong = good + len(_line(DONE))
    code = (
        _real_mode(
            struct.pack("<H", table + 16),  # the table's pointer follows its two entries
            struct.pack("<H", long_mode),
        )
        + _work(good, wrong)
        + _descriptors(table)
        + _line(DONE)
        + _line(WRONG)
    )
    return code.ljust(510, b"\0") + b"\x55\xaa"


def result() -> int:
    """What the rounds compute: x -> factor * x + addend, doubled up instead of stepped through."""
    factor, addend, value = _FACTOR, _ADDEND, _SEED
    count = _ROUNDS * _STEPS
    while count:
        if count & 1:
            value = (factor * value + addend) % 2**32
        factor, addend = factor * factor % 2**32, (factor + 1) * addend % 2**32
        count >>= 1
    return value


def _real_mode(table_pointer: bytes, long_mode: bytes) -> bytes:
    return b"".join(
        (
            b"\xfa\xfc",  # cli; cld
            b"\x31\xc0\x8e\xd8\x8e\xc0",  # ax = ds = es = 0
            # Page tables at 0x1000, 0x2000, 0x3000: clear, then map the first 2 MiB to itself.
            b"\xbf\x00\x10\xb9\x00\x18\xf3\xab",  # di = 0x1000; cx = 0x1800; rep stosw
            b"\xc7\x06\x00\x10\x03\x20",  # [0x1000] = 0x2003: next table, present, writable
            b"\xc7\x06\x00\x20\x03\x30",  # [0x2000] = 0x3003
            b"\xc7\x06\x00\x30\x83\x00",  # [0x3000] = 0x0083: a large page at 0
            b"\x66\xb8\x20\x00\x00\x00\x0f\x22\xe0",  # cr4 = PAE
            b"\x66\xb8\x00\x10\x00\x00\x0f\x22\xd8",  # cr3 = 0x1000
            b"\x66\xb9\x80\x00\x00\xc0\x0f\x32",  # ecx = EFER; rdmsr
            b"\x80\xcc\x01\x0f\x30",  # ah |= LME; wrmsr
            b"\x66\xb8\x01\x00\x00\x80\x0f\x22\xc0",  # cr0 = paging, protected mode
            b"\x0f\x01\x16" + table_pointer,  # lgdt [table_pointer]
            b"\xea" + long_mode + b"\x08\x00",  # jmp 0x08:long_mode
        )
    )


def _work(good: int, wrong: int) -> bytes:
    return b"".join(
        (
            b"\xbd" + struct.pack("<I", _ROUNDS),  # ebp = rounds
            b"\x41\xb8" + struct.pack("<I", _SEED),  # r8d = seed
            # round:
            b"\x31\xc0\x0f\xa2",  # eax = 0; cpuid
            b"\xb9" + struct.pack("<I", _STEPS),  # ecx = steps
            # step:
            b"\x45\x69\xc0" + struct.pack("<I", _FACTOR),  # r8d *= factor
            b"\x41\x81\xc0" + struct.pack("<I", _ADDEND),  # r8d += addend
            b"\x44\x89\xc0\x25\xff\xff\x00\x00",  # eax = r8d & 0xffff
            b"\x44\x89\x80\x00\x00\x10\x00",  # [rax + 0x100000] = r8d
            b"\x44\x8b\x80\x00\x00\x10\x00",  # r8d = [rax + 0x100000]
            b"\xe2\xda",  # loop step
            b"\xff\xcd\x75\xcd",  # ebp -= 1; jnz round
            b"\xbe" + struct.pack("<I", good),  # esi = good
            b"\x41\x81\xf8" + struct.pack("<I", result()),  # cmp r8d, result
            b"\x74\x05",  # je say
            b"\xbe" + struct.pack("<I", wrong),  # esi = wrong
            # say:
            b"\xac\x84\xc0\x74\x14\x88\xc3",  # al = [rsi++]; if al == 0: jmp halt; bl = al
            b"\x66\xba\xfd\x03",  # dx = line status of the first serial port
            b"\xec\xa8\x20\x74\xfb",  # wait until it takes a byte
            b"\x66\xba\xf8\x03\x88\xd8\xee",  # dx = its data; al = bl; out dx, al
            b"\xeb\xe7",  # jmp say
            # halt:
            b"\xfa\xf4\xeb\xfc",  # cli; hlt; jmp halt
        )
    )


def _descriptors(table: int) -> bytes:
    """The global descriptor table: nothing, 64-bit code; and the pointer to it."""
    return struct.pack("<QQHI", 0, 0x00209A0000000000, 15, table)


def _line(text: bytes) -> bytes:
    return text + b"\r\n\0"
