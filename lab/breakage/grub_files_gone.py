"""GRUB starts from the boot sector or the ESP and finds none of its files."""

from lab.recipe import EVERY_LAYOUT, Breakage

BREAKAGE = Breakage(
    description="GRUB's files are gone from /boot/grub",
    layouts=EVERY_LAYOUT,
    commands=r"""
test -s "$ROOT/boot/grub/grub.cfg"
find "$ROOT/boot/grub" -mindepth 1 -delete
""",
    finding="loader-grub-config",
    last_words=r"grub( rescue)?>\s*$",
)
