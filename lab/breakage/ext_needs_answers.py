"""What 'RUN fsck MANUALLY' is about."""

from lab.layout import Layout
from lab.recipe import Breakage, Where

BREAKAGE = Breakage(
    description="the root's file system has errors that its check at boot does not mend by itself",
    layouts=frozenset({Layout.BIOS}),
    commands=r"""
LOOP=$(losetup --find --show --offset 1048576 "$DISK")
debugfs -w -R "clri /usr/share/doc/bash" "$LOOP"
debugfs -w -R "set_super_value state 2" "$LOOP"
losetup --detach "$LOOP"
sync
""",
    finding="root-ext",
    last_words=r"Give root password for maintenance",
    where=Where.UNMOUNTED,
)
