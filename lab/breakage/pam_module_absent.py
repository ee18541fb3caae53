"""Every login runs into it."""

from lab.recipe import EVERY_LAYOUT, Breakage

BREAKAGE = Breakage(
    description="/etc/pam.d/login names a module that does not exist",
    layouts=EVERY_LAYOUT,
    commands=r"""
sed -i "1i auth required pam_gone.so" "$ROOT/etc/pam.d/login"
""",
    finding="login-pam",
)
