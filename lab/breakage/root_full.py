"""Nothing can be written at the start."""

from lab.recipe import EVERY_LAYOUT, Breakage

BREAKAGE = Breakage(
    description="the root's file system is full, of cached packages",
    layouts=EVERY_LAYOUT,
    commands=r"""
head -c 300M /dev/zero >"$ROOT/var/cache/apt/archives/big_1_all.deb"
cat /dev/zero >"$ROOT/var/fill" || true
rm -f "$ROOT/tmp/none"
""",
    finding="root-full",
    boots_on=EVERY_LAYOUT,
)
