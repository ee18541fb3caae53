"""The server is gone, and the boot waits for it."""

from lab.recipe import EVERY_LAYOUT, Breakage

BREAKAGE = Breakage(
    description="/etc/fstab mounts from a dead server, without nofail",
    layouts=EVERY_LAYOUT,
    commands=r"""
echo "198.51.100.1:/srv /mnt/nfs nfs defaults 0 0" >>"$ROOT/etc/fstab"
mkdir -p "$ROOT/mnt/nfs"
""",
    finding="root-fstab",
    boots_on=EVERY_LAYOUT,
)
