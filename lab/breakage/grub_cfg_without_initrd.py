"""grub.cfg was written before there was an initramfs."""

from lab.recipe import EVERY_LAYOUT, Breakage

BREAKAGE = Breakage(
    description="the entries of grub.cfg load no initramfs",
    layouts=EVERY_LAYOUT,
    commands=r"""
grep -q initrd "$ROOT/boot/grub/grub.cfg"
sed -i '/^[[:space:]]*initrd[[:space:]]/d' "$ROOT/boot/grub/grub.cfg"
""",
    finding="loader-grub-config",
    last_words=r"Kernel panic",
)
