"""Bytes of it were overwritten."""

from lab.recipe import EVERY_LAYOUT, Breakage

BREAKAGE = Breakage(
    description="4 KiB in the middle of the initramfs are zeroed",
    layouts=EVERY_LAYOUT,
    commands=r"""
for file in "$ROOT"/boot/initrd.img-*; do
    dd if=/dev/zero of="$file" bs=4096 seek=1500 count=1 conv=notrunc
done
""",
    finding="initramfs-image",
    last_words=r"ALERT!.*does not exist",
)
