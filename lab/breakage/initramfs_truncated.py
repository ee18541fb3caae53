"""It was written while /boot was full."""

from lab.recipe import EVERY_LAYOUT, Breakage

BREAKAGE = Breakage(
    description="the initramfs is cut to 3 MiB",
    layouts=EVERY_LAYOUT,
    commands=r"""
for file in "$ROOT"/boot/initrd.img-*; do
    truncate --size=3M "$file"
done
""",
    finding="initramfs-image",
    last_words=r"ALERT!.*does not exist",
)
