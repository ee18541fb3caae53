"""The kinds of guests: how each boots, how its disk is divided, what its packages went through.

Names only, no I/O.
"""

from __future__ import annotations

from enum import StrEnum


class Firmware(StrEnum):
    """What a guest starts from."""

    BIOS = "bios"
    UEFI = "uefi"


class Layout(StrEnum):
    """One kind of guest; its build script is ``scripts/<layout>.sh``."""

    BIOS = "bios"  # MBR; vda1 root on ext4
    UEFI = "uefi"  # GPT; vda1 EFI system partition, vda2 root on ext4
    LVM = "lvm"  # BIOS, GPT; vda1 bios_boot, vda2 /boot on ext4, vda3 LVM with root on XFS

    @property
    def firmware(self) -> Firmware:
        """The firmware that this guest was installed for."""
        return Firmware.UEFI if self is Layout.UEFI else Firmware.BIOS


class History(StrEnum):
    """What the packages of a guest went through before it was left alone."""

    FRESH = "fresh"  # just installed, with all updates
    UPGRADED = "upgraded"  # installed without them, used, then upgraded: ``scripts/upgrade.sh``
