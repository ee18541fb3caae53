"""GRUB's core image has redundancy behind it, and makes up for a small damage as it loads."""

from lab.layout import Layout
from lab.recipe import Breakage

BREAKAGE = Breakage(
    description="ten sectors of GRUB's core image are zeroed",
    layouts=frozenset({Layout.BIOS}),
    commands=r"""
dd if=/dev/zero of="$DISK" bs=512 seek=30 count=10 conv=notrunc,fsync
""",
    finding="loader-boot-sector",
    boots_on=frozenset({Layout.BIOS}),
)
