"""The BIOS takes the disk for not bootable; Linux sees no partitions on it."""

from lab.layout import Layout
from lab.recipe import Breakage

BREAKAGE = Breakage(
    description="the signature 55 AA of the first sector is zeroed",
    layouts=frozenset({Layout.BIOS}),
    commands=r"""
dd if=/dev/zero of="$DISK" bs=1 seek=510 count=2 conv=notrunc,fsync
""",
    finding="table-mbr",
    last_words=r"No bootable device",
)
