"""Another system's boot code was written over GRUB's."""

from lab.layout import Layout
from lab.recipe import Breakage

BREAKAGE = Breakage(
    description="the boot code in the first sector is not GRUB's",
    layouts=frozenset({Layout.BIOS, Layout.LVM}),
    commands=r"""
dd if=/dev/zero of="$DISK" bs=440 count=1 conv=notrunc
printf '\372\353\376 no system disk' | dd of="$DISK" conv=notrunc,fsync
""",
    finding="loader-boot-sector",
    last_words=r"Booting from Hard Disk\.\.\.\s*$",
)
