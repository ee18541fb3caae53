"""systemd cannot start: its own library is missing."""

from lab.recipe import EVERY_LAYOUT, Breakage

BREAKAGE = Breakage(
    description="libsystemd-shared is deleted",
    layouts=EVERY_LAYOUT,
    commands=r"""
rm "$ROOT"/usr/lib/x86_64-linux-gnu/systemd/libsystemd-shared-*.so
""",
    finding="base-libraries",
    last_words=r"Kernel panic",
)
