"""The BIOS finds no boot code; the partition table behind it is left."""

from lab.layout import Layout
from lab.recipe import Breakage

BREAKAGE = Breakage(
    description="the boot code in the first sector of the disk is zeroed",
    layouts=frozenset({Layout.BIOS, Layout.LVM}),
    commands=r"""
dd if=/dev/zero of="$DISK" bs=440 count=1 conv=notrunc,fsync
""",
    finding="loader-boot-sector",
    last_words=r"Booting from Hard Disk\.\.\.\s*$",
)
