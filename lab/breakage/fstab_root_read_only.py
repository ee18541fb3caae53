"""Everything that writes fails."""

from lab.recipe import EVERY_LAYOUT, Breakage

BREAKAGE = Breakage(
    description="/etc/fstab mounts the root read-only",
    layouts=EVERY_LAYOUT,
    commands=r"""
sed -i -E 's#^([^ ]+ / [^ ]+) [^ ]+#\1 ro#' "$ROOT/etc/fstab"
grep -q " ro " "$ROOT/etc/fstab"
""",
    finding="root-fstab",
    boots_on=EVERY_LAYOUT,
)
