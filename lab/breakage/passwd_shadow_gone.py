"""The system starts, and knows no user. The backups passwd- and shadow- stay."""

from lab.recipe import EVERY_LAYOUT, Breakage

BREAKAGE = Breakage(
    description="/etc/passwd and /etc/shadow are deleted",
    layouts=EVERY_LAYOUT,
    commands=r"""
cp -p "$ROOT/etc/passwd" "$ROOT/etc/passwd-"
cp -p "$ROOT/etc/shadow" "$ROOT/etc/shadow-"
rm "$ROOT/etc/passwd" "$ROOT/etc/shadow"
""",
    finding="login-accounts",
)
