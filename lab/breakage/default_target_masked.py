"""systemd does not know what to start."""

from lab.recipe import EVERY_LAYOUT, Breakage

BREAKAGE = Breakage(
    description="default.target is masked",
    layouts=EVERY_LAYOUT,
    commands=r"""
ln -sf /dev/null "$ROOT/etc/systemd/system/default.target"
""",
    finding="init-target",
    last_words=r"Give root password for maintenance",
)
