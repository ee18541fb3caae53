"""Linux does not look at the backup table by itself."""

from lab.layout import Layout
from lab.recipe import Breakage

BREAKAGE = Breakage(
    description="the primary GPT header is zeroed; its backup is whole",
    layouts=frozenset({Layout.UEFI, Layout.LVM}),
    commands=r"""
dd if=/dev/zero of="$DISK" bs=512 seek=1 count=1 conv=notrunc,fsync
""",
    finding="table-gpt",
    last_words=r"grub rescue>\s*$",
    boots_on=frozenset({Layout.UEFI}),  # its firmware restores the primary table from the backup
)
