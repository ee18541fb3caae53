"""As after the root was copied to a new file system."""

from lab.recipe import EVERY_LAYOUT, Breakage

BREAKAGE = Breakage(
    description="/etc/fstab names a root that does not exist",
    layouts=EVERY_LAYOUT,
    commands=r"""
grep -q " / " "$ROOT/etc/fstab"
sed -i -E 's#^[^ ]+ / #UUID=0badf57a-0000-4000-8000-000000000000 / #' "$ROOT/etc/fstab"
""",
    finding="root-fstab",
    boots_on=EVERY_LAYOUT,
)
