"""The loader looks libraries up in it."""

from lab.recipe import EVERY_LAYOUT, Breakage

BREAKAGE = Breakage(
    description="/etc/ld.so.cache is filled with rubbish",
    layouts=EVERY_LAYOUT,
    commands=r"""
test -s "$ROOT/etc/ld.so.cache"
printf "rubbish" >"$ROOT/etc/ld.so.cache"
""",
    finding="base-loader-cache",
    boots_on=EVERY_LAYOUT,
)
