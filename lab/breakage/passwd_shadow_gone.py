"""The system starts, and knows no user. The backups passwd- and shadow- stay."""

from lab.recipe import EVERY_LAYOUT, Breakage

BREAKAGE = Breakage(
    description="/etc/passwd and /etc/shadow are deleted",
    layouts=EVERY_LAYOUT,
    commands=r"""
rm "$ROOT/etc/passwd" "$ROOT/etc/shadow"
""",
    finding="login-accounts",
)
