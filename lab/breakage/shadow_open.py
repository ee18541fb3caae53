"""Everybody can read the passwords' hashes."""

from lab.recipe import EVERY_LAYOUT, Breakage

BREAKAGE = Breakage(
    description="/etc/shadow can be read by all and written by its group",
    layouts=EVERY_LAYOUT,
    commands=r"""
chmod 664 "$ROOT/etc/shadow"
""",
    finding="base-modes",
    boots_on=EVERY_LAYOUT,
)
