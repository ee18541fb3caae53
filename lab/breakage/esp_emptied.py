"""The UEFI firmware finds no loader, neither Debian's nor the fallback."""

from lab.layout import Layout
from lab.recipe import Breakage

BREAKAGE = Breakage(
    description="everything on the EFI system partition is deleted",
    layouts=frozenset({Layout.UEFI}),
    commands=r"""
test -d "$ROOT/boot/efi/EFI"
find "$ROOT/boot/efi" -mindepth 1 -delete
""",
    finding="loader-efi",
    last_words=r"Start PXE over IPv",
)
