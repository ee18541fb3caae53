"""Services and devices lose their groups."""

from lab.recipe import EVERY_LAYOUT, Breakage

BREAKAGE = Breakage(
    description="/etc/group is deleted; its backup stays",
    layouts=EVERY_LAYOUT,
    commands=r"""
test -s "$ROOT/etc/group-"
rm "$ROOT/etc/group"
""",
    finding="login-accounts",
    boots_on=EVERY_LAYOUT,
)
