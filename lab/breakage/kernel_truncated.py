"""The kernel was written while /boot was full."""

from lab.recipe import EVERY_LAYOUT, Breakage

BREAKAGE = Breakage(
    description="the kernel is cut to 3 MiB",
    layouts=EVERY_LAYOUT,
    commands=r"""
for file in "$ROOT"/boot/vmlinuz-*; do
    truncate --size=3M "$file"
done
""",
    finding="kernel-image",
)
