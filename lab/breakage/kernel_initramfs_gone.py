"""GRUB starts and has nothing to load."""

from lab.recipe import EVERY_LAYOUT, Breakage

BREAKAGE = Breakage(
    description="kernel and initramfs are deleted from /boot",
    layouts=EVERY_LAYOUT,
    commands=r"""
rm "$ROOT"/boot/vmlinuz-* "$ROOT"/boot/initrd.img-*
""",
    finding="kernel-image",
    last_words=r"vmlinuz\S+ not found",
)
