"""What the initramfs did not load is not to be had."""

from lab.layout import Layout
from lab.recipe import EVERY_LAYOUT, Breakage

BREAKAGE = Breakage(
    description="the folder of the kernel's modules is deleted",
    layouts=EVERY_LAYOUT,
    commands=r"""
rm -r "$ROOT"/usr/lib/modules/*
""",
    finding="kernel-modules",
    boots_on=frozenset({Layout.BIOS, Layout.LVM}),  # UEFI: vfat is a module, and must be mounted
)
