"""What a full /boot leaves of an update."""

from lab.recipe import EVERY_LAYOUT, Breakage

BREAKAGE = Breakage(
    description="grub.cfg is empty",
    layouts=EVERY_LAYOUT,
    commands=r"""
test -s "$ROOT/boot/grub/grub.cfg"
: >"$ROOT/boot/grub/grub.cfg"
""",
    finding="loader-grub-config",
    last_words=r"grub>\s*$",
)
