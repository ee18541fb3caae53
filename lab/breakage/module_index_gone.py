"""modprobe finds nothing."""

from lab.layout import Layout
from lab.recipe import EVERY_LAYOUT, Breakage

BREAKAGE = Breakage(
    description="the index of the kernel's modules is deleted",
    layouts=EVERY_LAYOUT,
    commands=r"""
rm "$ROOT"/usr/lib/modules/*/modules.dep "$ROOT"/usr/lib/modules/*/modules.dep.bin
""",
    finding="kernel-modules",
    boots_on=frozenset({Layout.BIOS, Layout.LVM}),  # UEFI: vfat is a module, and must be mounted
)
