"""No program finds its loader, no script its shell."""

from lab.recipe import EVERY_LAYOUT, Breakage, Where

BREAKAGE = Breakage(
    description="the links /bin, /sbin, /lib and /lib64 are deleted",
    layouts=EVERY_LAYOUT,
    commands=r"""
rm "$ROOT/bin" "$ROOT/sbin" "$ROOT/lib" "$ROOT/lib64"
""",
    finding="base-merged-usr",
    last_words=r"run-init: /sbin/init: No such file|Kernel panic",
    where=Where.OFFLINE,
)
