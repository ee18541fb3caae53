"""systemd waits for a disk that is not there, then stops in emergency mode."""

from lab.recipe import EVERY_LAYOUT, Breakage

BREAKAGE = Breakage(
    description="/etc/fstab names a file system that does not exist",
    layouts=EVERY_LAYOUT,
    commands=r"""
echo "UUID=0badf57a-0000-4000-8000-000000000000 /srv/data ext4 x-systemd.device-timeout=5s 0 2" \
    >>"$ROOT/etc/fstab"
""",
    finding="root-fstab",
    last_words=r"Give root password for maintenance",
)
