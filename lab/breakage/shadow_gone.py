"""Every password is refused."""

from lab.recipe import EVERY_LAYOUT, Breakage

BREAKAGE = Breakage(
    description="/etc/shadow is deleted; its backup stays",
    layouts=EVERY_LAYOUT,
    commands=r"""
cp -p "$ROOT/etc/shadow" "$ROOT/etc/shadow-"
rm "$ROOT/etc/shadow"
""",
    finding="login-accounts",
)
