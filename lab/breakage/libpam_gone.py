"""systemd itself is linked with this library, as are login and sshd."""

from lab.recipe import EVERY_LAYOUT, Breakage

BREAKAGE = Breakage(
    description="libpam.so.0 is deleted",
    layouts=EVERY_LAYOUT,
    commands=r"""
rm "$ROOT"/usr/lib/x86_64-linux-gnu/libpam.so.0*
""",
    finding="base-libraries",
    last_words=r"Kernel panic",
)
