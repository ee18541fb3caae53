"""root's line has lost a field."""

from lab.recipe import EVERY_LAYOUT, Breakage

BREAKAGE = Breakage(
    description="root's line in /etc/passwd is malformed",
    layouts=EVERY_LAYOUT,
    commands=r"""
cp "$ROOT/etc/passwd" "$ROOT/etc/passwd-"
sed -i 's/^root:x:0:0/root:x:0/' "$ROOT/etc/passwd"
""",
    finding="login-accounts",
)
