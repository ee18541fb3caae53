"""What PAM has no file for is refused."""

from lab.recipe import EVERY_LAYOUT, Breakage

BREAKAGE = Breakage(
    description="the common files of /etc/pam.d are deleted",
    layouts=EVERY_LAYOUT,
    commands=r"""
rm "$ROOT"/etc/pam.d/common-*
""",
    finding="login-pam",
)
