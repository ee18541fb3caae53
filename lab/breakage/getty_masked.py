"""No login appears, on the screen or the serial line."""

from lab.recipe import EVERY_LAYOUT, Breakage

BREAKAGE = Breakage(
    description="the logins of all terminals are masked",
    layouts=EVERY_LAYOUT,
    commands=r"""
ln -sf /dev/null "$ROOT/etc/systemd/system/getty@.service"
ln -sf /dev/null "$ROOT/etc/systemd/system/serial-getty@.service"
""",
    finding="login-getty",
)
