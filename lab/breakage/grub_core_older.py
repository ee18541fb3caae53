"""What half an update leaves: modules that want a name the core image does not have."""

from lab.layout import Layout
from lab.recipe import Breakage

BREAKAGE = Breakage(
    description="GRUB's core image lacks a symbol that its modules need",
    layouts=frozenset({Layout.BIOS, Layout.LVM}),
    commands=r"""
grep -q grub_calloc "$ROOT/boot/grub/i386-pc/normal.mod"
sed -i s/grub_calloc/grub_kalloc/g "$ROOT/boot/grub/i386-pc/normal.mod"
""",
    finding="loader-boot-sector",
    last_words=r"symbol .grub_kalloc. not found",
)
