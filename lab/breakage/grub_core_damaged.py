"""The boot sector loads a core image with a hole in it."""

from lab.layout import Layout
from lab.recipe import Breakage

BREAKAGE = Breakage(
    description="most of GRUB's core image is zeroed, more than its redundancy makes up for",
    layouts=frozenset({Layout.BIOS}),
    commands=r"""
dd if=/dev/zero of="$DISK" bs=512 seek=10 count=100 conv=notrunc,fsync
""",
    finding="loader-boot-sector",
)
