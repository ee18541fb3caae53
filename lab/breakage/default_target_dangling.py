"""As after a desktop was removed."""

from lab.recipe import EVERY_LAYOUT, Breakage

BREAKAGE = Breakage(
    description="default.target leads to a unit that does not exist",
    layouts=EVERY_LAYOUT,
    commands=r"""
ln -sf /lib/systemd/system/gone.target "$ROOT/etc/systemd/system/default.target"
""",
    finding="init-target",
    last_words=r"Give root password for maintenance",
)
