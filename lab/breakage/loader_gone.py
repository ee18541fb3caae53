"""Every program names it as its interpreter."""

from lab.recipe import EVERY_LAYOUT, Breakage, Where

BREAKAGE = Breakage(
    description="the dynamic loader is deleted",
    layouts=EVERY_LAYOUT,
    commands=r"""
rm "$ROOT/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"
""",
    finding="base-libraries",
    last_words=r"Kernel panic",
    where=Where.OFFLINE,
)
