"""The password is right, and the session ends at once."""

from lab.recipe import EVERY_LAYOUT, Breakage

BREAKAGE = Breakage(
    description="root's shell does not exist",
    layouts=EVERY_LAYOUT,
    commands=r"""
sed -i -E 's#^(root:.*:)[^:]*$#\1/usr/local/bin/zsh#' "$ROOT/etc/passwd"
grep -q zsh "$ROOT/etc/passwd"
""",
    finding="login-shell",
)
