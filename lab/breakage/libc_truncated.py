"""No program of the root can start. The commands themselves need libc: offline only."""

from lab.recipe import EVERY_LAYOUT, Breakage, Where

BREAKAGE = Breakage(
    description="libc.so.6 is cut to its first page",
    layouts=EVERY_LAYOUT,
    commands=r"""
truncate --size=4096 "$ROOT/usr/lib/x86_64-linux-gnu/libc.so.6"
""",
    finding="base-libraries",
    last_words=r"Kernel panic",
    where=Where.OFFLINE,
)
