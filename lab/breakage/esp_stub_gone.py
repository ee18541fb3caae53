"""The signed GRUB reads this first, to find /boot."""

from lab.layout import Layout
from lab.recipe import Breakage

BREAKAGE = Breakage(
    description="EFI/debian/grub.cfg is deleted",
    layouts=frozenset({Layout.UEFI}),
    commands=r"""
rm "$ROOT/boot/efi/EFI/debian/grub.cfg"
""",
    finding="loader-efi",
    last_words=r"grub>\s*$",
)
