"""systemd needs it, as do SSH and the password tools."""

from lab.recipe import EVERY_LAYOUT, Breakage

BREAKAGE = Breakage(
    description="libcrypto.so.3 is deleted",
    layouts=EVERY_LAYOUT,
    commands=r"""
rm "$ROOT/usr/lib/x86_64-linux-gnu/libcrypto.so.3"
""",
    finding="base-libraries",
    last_words=r"Kernel panic",
)
