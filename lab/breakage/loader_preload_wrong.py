"""Every program complains, or fails."""

from lab.recipe import EVERY_LAYOUT, Breakage

BREAKAGE = Breakage(
    description="/etc/ld.so.preload names a library that does not exist",
    layouts=EVERY_LAYOUT,
    commands=r"""
echo /usr/local/lib/libgone.so >"$ROOT/etc/ld.so.preload"
""",
    finding="base-loader-cache",
    boots_on=EVERY_LAYOUT,
)
