"""Puts kernel, initramfs and squashfs on a hybrid ISO that BIOS and UEFI boot, from CD or stick.

BIOS: an El Torito image of GRUB with everything built in, so that it loads no module files. UEFI:
an El Torito FAT image with Debian's signed shim and its GRUB made for CDs (prefix /boot/grub), so
that Secure Boot accepts it.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from lifebuoy.image import tools

BIOS_MODULES: Final = ("biosdisk", "iso9660", "linux", "boot", "minicmd", "echo", "search_label")
EFI_FILES: Final = {  # on the ESP image: from, below the rescue root
    "BOOTX64.EFI": "usr/lib/shim/shimx64.efi.signed",
    "grubx64.efi": "usr/lib/grub/x86_64-efi-signed/gcdx64.efi.signed",
    "mmx64.efi": "usr/lib/shim/mmx64.efi.signed",
}


@dataclass(frozen=True, slots=True)
class Parts:
    """Files that go on the ISO.

    ``boot`` is a folder with usr/lib/shim and usr/lib/grub; ``screen`` maps names below /lifebuoy
    on the ISO to files.
    """

    kernel: Path
    initrd: Path
    squashfs: Path
    manifest: Path
    boot: Path
    screen: dict[str, Path]


def kernel_command_line(image_id: str) -> str:
    """The rescue kernel's command line; ``image_id`` tells the initramfs which CD is ours."""
    return (
        f"lifebuoy.id={image_id} console=ttyS0,115200 console=tty0 quiet net.ifnames=0 "
        "raid=noautodetect random.trust_cpu=on nmi_watchdog=0 nowatchdog "
        "mitigations=off audit=0 panic=10"
    )


def make(work: Path, target: Path, parts: Parts, *, image_id: str, epoch: int) -> None:
    """Write the ISO to ``target``; the same parts, id and epoch give the same bytes."""
    tree = work / "iso"
    (tree / "lifebuoy").mkdir(parents=True)
    (tree / "boot/grub").mkdir(parents=True)
    (tree / "lifebuoy" / image_id).touch()
    for source, name in (
        (parts.squashfs, "lifebuoy/root.squashfs"),
        (parts.manifest, "lifebuoy/packages"),
        (parts.kernel, "boot/vmlinuz"),
        (parts.initrd, "boot/initrd.img"),
    ):
        (tree / name).hardlink_to(source)
    for name, source in parts.screen.items():
        (tree / "lifebuoy" / name).hardlink_to(source)
    (tree / "boot/grub/grub.cfg").write_text(_grub_cfg(image_id))
    shutil.copy(_bios_image(work, parts.boot, image_id), tree / "boot/grub/bios.img")
    efi = _efi_image(work, parts.boot, epoch)
    hybrid = parts.boot / "usr/lib/grub/i386-pc/boot_hybrid.img"
    stamp = _iso_date(epoch)
    tools.run(
        [
            *("xorriso", "-as", "mkisofs", "-quiet", "-o", target, "-V", volume_label(image_id)),
            *("-iso-level", "3", "-r", "-J", "-joliet-long"),
            f"--modification-date={stamp}",
            *("--set_all_file_dates", stamp),
            *("--gpt_disk_guid", "modification-date", "-partition_offset", "16"),
            *("--grub2-mbr", hybrid),
            *("-b", "boot/grub/bios.img", "-c", "boot/boot.cat", "-no-emul-boot"),
            *("-boot-load-size", "4", "-boot-info-table", "--grub2-boot-info"),
            *("-eltorito-alt-boot", "-append_partition", "2", "0xef", efi),
            *("-e", "--interval:appended_partition_2:all::", "-no-emul-boot"),
            tree,
        ],
        env={"SOURCE_DATE_EPOCH": str(epoch), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "TZ": "UTC"},
    )


def volume_label(image_id: str) -> str:
    """ISO 9660 volume label: unique to the image, so that it collides with nobody's."""
    return f"LIFEBUOY_{image_id[:12].upper()}"


def _grub_cfg(image_id: str) -> str:
    return f"linux /boot/vmlinuz {kernel_command_line(image_id)}\ninitrd /boot/initrd.img\nboot\n"


def _bios_image(work: Path, boot: Path, image_id: str) -> Path:
    """GRUB for BIOS with its configuration inside; it runs in GRUB's rescue mode, without menu."""
    config = work / "bios.cfg"
    config.write_text(_grub_cfg(image_id))
    folder = boot / "usr/lib/grub/i386-pc"
    core = work / "core.img"
    tools.run(
        [
            *("grub-mkimage", "-O", "i386-pc-eltorito", "-d", folder, "-p", "/boot/grub"),
            *("-c", config, "-o", core, *BIOS_MODULES),
        ]
    )
    return core


def _efi_image(work: Path, boot: Path, epoch: int) -> Path:
    """A FAT image with the signed chain below EFI/BOOT."""
    image = work / "efi.img"
    env = {"SOURCE_DATE_EPOCH": str(epoch), "PATH": "/usr/bin:/bin", "TZ": "UTC"}
    size = sum((boot / path).stat().st_size for path in EFI_FILES.values())
    kib = (size // 1024 + 512) // 32 * 32 + 32
    image.write_bytes(b"\0" * (kib * 1024))
    geometry = ["-h", "2", "-s", "32", "-t", str(kib * 2 // 64)]
    tools.run(["mformat", "-i", image, *geometry, "-N", "4c494645", "-v", "RESCUE", "::"], env=env)
    tools.run(["mmd", "-i", image, "::/EFI", "::/EFI/BOOT"], env=env)
    for name, path in EFI_FILES.items():
        tools.run(["mcopy", "-i", image, boot / path, f"::/EFI/BOOT/{name}"], env=env)
    return image


def _iso_date(epoch: int) -> str:
    """xorriso's form of a time: YYYYMMDDhhmmss and hundredths."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y%m%d%H%M%S00")
