"""The kernel does not know the root's file system."""

from lab.layout import Layout
from lab.recipe import Breakage, Where

BREAKAGE = Breakage(
    description="the superblock of the root is zeroed; its backups are whole",
    layouts=frozenset({Layout.BIOS}),
    commands=r"""
dd if=/dev/zero of="$DISK" bs=1024 seek=1025 count=1 conv=notrunc,fsync
""",
    finding="root-ext",
    last_words=r"unknown filesystem\.\s+grub rescue>\s*$",
    where=Where.UNMOUNTED,
)
