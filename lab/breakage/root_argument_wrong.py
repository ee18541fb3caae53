"""The kernel waits for a root that no disk has."""

from lab.recipe import EVERY_LAYOUT, Breakage

BREAKAGE = Breakage(
    description="root= in grub.cfg names what does not exist",
    layouts=EVERY_LAYOUT,
    commands=r"""
grep -q root= "$ROOT/boot/grub/grub.cfg"
sed -i -E 's#root=[^ ]+#root=UUID=0badf57a-0000-4000-8000-000000000000#' "$ROOT/boot/grub/grub.cfg"
""",
    finding="loader-grub-config",
    last_words=r"ALERT!.*does not exist",
)
