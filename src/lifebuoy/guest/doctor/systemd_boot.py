"""systemd-boot on the patient: whether it is the loader, and where its own copies are.

Source: systemd-boot(7), bootctl(1).
"""

from __future__ import annotations

from .patient import Patient

NAME = "systemd-bootx64.efi"
PACKAGED = f"/usr/lib/systemd/boot/efi/{NAME}"
MARK = b"#### LoaderInfo: systemd-boot "
_MOST = 1 << 20


def used(patient: Patient) -> bool:
    """Whether it lies on the EFI system partition, or its own configuration does."""
    place = patient.esp_folder
    if patient.firmware != "uefi" or not place:
        return False
    tree = patient.files
    if any(
        tree.exists(f"{place}/{name}") for name in (f"EFI/systemd/{NAME}", "loader/loader.conf")
    ):
        return True
    return is_own(tree.read(f"{place}/EFI/BOOT/BOOTX64.EFI", _MOST) or b"")


def is_own(data: bytes) -> bool:
    """Whether these are the bytes of systemd-boot."""
    return MARK in data


def packaged(patient: Patient) -> bytes:
    """The loader as the system's own package has it; empty where it does not."""
    data = patient.files.read(PACKAGED, _MOST) or b""
    return data if is_own(data) else b""
