"""As a maintenance left it."""

from lab.recipe import EVERY_LAYOUT, Breakage

BREAKAGE = Breakage(
    description="/etc/nologin was left behind",
    layouts=EVERY_LAYOUT,
    commands=r"""
echo "back soon" >"$ROOT/etc/nologin"
""",
    finding="login-nologin",
    boots_on=EVERY_LAYOUT,
)
