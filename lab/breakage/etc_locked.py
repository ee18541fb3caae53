"""chmod -R in the wrong folder."""

from lab.recipe import EVERY_LAYOUT, Breakage

BREAKAGE = Breakage(
    description="only root may enter /etc, /usr and /",
    layouts=EVERY_LAYOUT,
    commands=r"""
chmod 700 "$ROOT/etc" "$ROOT/usr" "$ROOT/"
""",
    finding="base-modes",
    boots_on=EVERY_LAYOUT,
)
