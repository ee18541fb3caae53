"""As after a kernel was removed by hand."""

from lab.recipe import EVERY_LAYOUT, Breakage

BREAKAGE = Breakage(
    description="grub.cfg names a kernel that does not exist",
    layouts=EVERY_LAYOUT,
    commands=r"""
grep -q vmlinuz- "$ROOT/boot/grub/grub.cfg"
sed -i 's/vmlinuz-[^ ]*/vmlinuz-6.0.0-0-gone/' "$ROOT/boot/grub/grub.cfg"
""",
    finding="loader-grub-config",
    last_words=r"vmlinuz\S+ not found",
)
