"""GRUB's core image starts and cannot go on to its menu."""

from lab.layout import Layout
from lab.recipe import Breakage

BREAKAGE = Breakage(
    description="GRUB's modules are gone from /boot/grub, its grub.cfg is left",
    layouts=frozenset({Layout.BIOS, Layout.LVM}),
    commands=r"""
test -s "$ROOT/boot/grub/i386-pc/normal.mod"
rm -r "$ROOT/boot/grub/i386-pc"
""",
    finding="loader-grub-files",
    last_words=r"grub rescue>\s*$",
)
