"""getty asks for a name, and login cannot start; nor can sshd."""

from lab.recipe import EVERY_LAYOUT, Breakage

BREAKAGE = Breakage(
    description="libpam.so.0 is deleted",
    layouts=EVERY_LAYOUT,
    commands=r"""
rm "$ROOT"/usr/lib/x86_64-linux-gnu/libpam.so.0*
""",
)
