"""Nothing can be installed, so nothing can be mended the usual way."""

from lab.recipe import EVERY_LAYOUT, Breakage

BREAKAGE = Breakage(
    description="dpkg's status file is filled with zeros",
    layouts=EVERY_LAYOUT,
    commands=r"""
size=$(stat -c %s "$ROOT/var/lib/dpkg/status")
cp "$ROOT/var/lib/dpkg/status" "$ROOT/var/lib/dpkg/status-old"
head -c "$size" /dev/zero >"$ROOT/var/lib/dpkg/status"
""",
    finding="base-dpkg-status",
    boots_on=EVERY_LAYOUT,
)
