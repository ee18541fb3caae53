"""As after a move from another hypervisor: the initramfs was made for other hardware."""

from lab.recipe import EVERY_LAYOUT, Breakage

BREAKAGE = Breakage(
    description="the initramfs has no driver for virtio disks",
    layouts=EVERY_LAYOUT,
    commands=r"""
for file in "$ROOT"/boot/initrd.img-*; do
    tree=$(mktemp -d)
    zstd -dcq <"$file" | (cd "$tree" && cpio -id --quiet)
    find "$tree" -name "virtio_blk.ko*" -delete
    (cd "$tree" && find . | cpio -o -H newc --quiet) | zstd -q >"$file"
    rm -r "$tree"
done
""",
    finding="initramfs-image",
    last_words=r"ALERT!.*does not exist",
)
