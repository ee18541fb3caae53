"""The file system is marked as one with errors, and has some that the boot's own check mends."""

from lab.layout import Layout
from lab.recipe import Breakage, Where

BREAKAGE = Breakage(
    description="the root's file system has errors, of the harmless kind",
    layouts=frozenset({Layout.BIOS}),
    commands=r"""
LOOP=$(losetup --find --show --offset 1048576 "$DISK")
debugfs -w -R "set_inode_field /lost+found links_count 77" "$LOOP"
debugfs -w -R "set_super_value state 2" "$LOOP"
losetup --detach "$LOOP"
sync
""",
    finding="root-ext",
    where=Where.UNMOUNTED,
    boots_on=frozenset({Layout.BIOS}),
)
