"""The update of the loader ran out of room."""

from lab.layout import Layout
from lab.recipe import Breakage

BREAKAGE = Breakage(
    description="shim and GRUB on the EFI system partition are cut to 64 KiB",
    layouts=frozenset({Layout.UEFI}),
    commands=r"""
for file in "$ROOT"/boot/efi/EFI/*/*.[eE][fF][iI]; do
    truncate --size=65536 "$file"
done
""",
    finding="loader-efi",
    last_words=r"Start PXE over IPv",
)
