"""Half a line, as an editor's mishap leaves it."""

from lab.recipe import EVERY_LAYOUT, Breakage

BREAKAGE = Breakage(
    description="/etc/fstab has a malformed line",
    layouts=EVERY_LAYOUT,
    commands=r"""
echo "UUID=0badf57a-0000-4000-8000-000000000000" >>"$ROOT/etc/fstab"
""",
    finding="root-fstab",
    boots_on=EVERY_LAYOUT,
)
