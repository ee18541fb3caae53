"""As after a disk was copied and its file system given a new UUID."""

from lab.recipe import EVERY_LAYOUT, Breakage

BREAKAGE = Breakage(
    description="grub.cfg looks for a file system that no disk has",
    layouts=EVERY_LAYOUT,
    commands=r"""
grep -q fs-uuid "$ROOT/boot/grub/grub.cfg"
sed -i -E 's/(fs-uuid --set=root) .*/\1 0badf57a-0000-4000-8000-000000000000/' \
    "$ROOT/boot/grub/grub.cfg"
""",
    finding="loader-grub-config",
    last_words=r"no such device: 0badf57a",
)
