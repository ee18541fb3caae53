"""rm in the wrong folder."""

from lab.recipe import EVERY_LAYOUT, Breakage, Where

BREAKAGE = Breakage(
    description="/usr/bin is emptied",
    layouts=EVERY_LAYOUT,
    commands=r"""
find "$ROOT/usr/bin" -mindepth 1 -delete
""",
    finding="base-package-files",
    last_words=r"Failed to start dbus\.service",
    where=Where.OFFLINE,
)
