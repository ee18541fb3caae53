"""GRUB starts and shows its prompt."""

from lab.recipe import EVERY_LAYOUT, Breakage

BREAKAGE = Breakage(
    description="grub.cfg is deleted",
    layouts=EVERY_LAYOUT,
    commands=r"""
rm "$ROOT/boot/grub/grub.cfg"
""",
    finding="loader-grub-config",
    last_words=r"grub>\s*$",
)
