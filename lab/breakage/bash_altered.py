"""As a failing disk or an intruder leaves it."""

from lab.recipe import EVERY_LAYOUT, Breakage

BREAKAGE = Breakage(
    description="half of /bin/bash is overwritten with zeros",
    layouts=EVERY_LAYOUT,
    commands=r"""
dd if=/dev/zero of="$ROOT/usr/bin/bash" bs=64K seek=3 count=9 conv=notrunc
""",
    finding="base-package-files",
)
