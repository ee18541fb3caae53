"""Length and headers are right, the code is not."""

from lab.recipe import EVERY_LAYOUT, Breakage, Where

BREAKAGE = Breakage(
    description="256 KiB of libc.so.6's code are zeroed",
    layouts=EVERY_LAYOUT,
    commands=r"""
dd if=/dev/zero of="$ROOT/usr/lib/x86_64-linux-gnu/libc.so.6" bs=4096 seek=60 count=64 conv=notrunc
""",
    finding="base-package-files",
    last_words=r"Kernel panic",
    where=Where.OFFLINE,
)
