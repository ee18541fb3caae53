"""As after a library of another machine was copied over it."""

from lab.recipe import EVERY_LAYOUT, Breakage, Where

BREAKAGE = Breakage(
    description="libc.so.6 is a text file",
    layouts=EVERY_LAYOUT,
    commands=r"""
echo "not a library" >"$ROOT/usr/lib/x86_64-linux-gnu/libc.so.6"
""",
    finding="base-libraries",
    last_words=r"Kernel panic",
    where=Where.OFFLINE,
)
