"""The kernel has no driver for its root."""

from lab.recipe import EVERY_LAYOUT, Breakage

BREAKAGE = Breakage(
    description="the initramfs is deleted",
    layouts=EVERY_LAYOUT,
    commands=r"""
rm "$ROOT"/boot/initrd.img-*
""",
    finding="initramfs-image",
    last_words=r"initrd\S+ not found|Kernel panic",
)
