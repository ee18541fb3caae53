"""EXTLINUX and SYSLINUX on the patient: where their files are, and a configuration made anew.

Source: wiki.syslinux.org (Config, EXTLINUX, Mbr); the layout is that of Alpine's update-extlinux.
"""

from __future__ import annotations

import re

from .kernels import kernels
from .patient import Patient

CONFIGS = (
    "/boot/extlinux.conf",
    "/boot/extlinux/extlinux.conf",
    "/boot/syslinux/syslinux.cfg",
    "/boot/syslinux.cfg",
)
_LOADERS = ("ldlinux.sys", "extlinux/ldlinux.sys", "syslinux/ldlinux.sys")
_SETTINGS = "/etc/update-extlinux.conf"
#: where distributions keep the boot code for the first sector
_BOOT_CODE = (
    "/usr/share/syslinux",
    "/usr/lib/syslinux/bios",
    "/usr/lib/syslinux/mbr",
    "/usr/lib/syslinux",
)


def used(patient: Patient) -> bool:
    """Whether this is the boot loader: its second stage or its configuration is in /boot."""
    tree = patient.files
    if patient.firmware == "uefi":
        return False
    there = any(tree.exists(f"/boot/{name}") for name in _LOADERS)
    return there or any(tree.exists(path) for path in (*CONFIGS, _SETTINGS))


def config_path(patient: Patient) -> str:
    """The configuration that is there, else where it belongs."""
    return next((one for one in CONFIGS if patient.files.exists(one)), CONFIGS[0])


def has_second_stage(patient: Patient) -> bool:
    """Whether ldlinux.sys, which the boot sector of the partition loads, is there."""
    return any(
        (found := patient.files.stat(f"/boot/{name}")) and found.st_size for name in _LOADERS
    )


def boot_code(patient: Patient, *, is_gpt: bool) -> bytes:
    """The code for the first sector, from the system's own package; empty where there is none."""
    name = "gptmbr.bin" if is_gpt else "mbr.bin"
    for folder in _BOOT_CODE:
        data = patient.files.read(f"{folder}/{name}", 4096) or b""
        if 0 < len(data) <= 440:
            return data.ljust(440, b"\0")
    return b""


def _settings(patient: Patient) -> dict[str, str]:
    text = patient.files.text(_SETTINGS, 65536) or ""
    found = re.findall(r"^(\w+)=[\"']?([^\"'\n$`\\]*)", text, re.MULTILINE)
    return dict(found)


def arguments(patient: Patient, root: str) -> str:
    """What a kernel is told, as update-extlinux puts it together; ``root`` is for root=."""
    chosen = _settings(patient)
    kind = patient.root.kind if patient.root else "ext4"
    modules = chosen.get("modules", "") or f"sd-mod,usb-storage,{kind}"
    options = chosen.get("default_kernel_opts", "") or f"rootfstype={kind}"
    return f"root={root} modules={modules} {options}"


def configuration(patient: Patient, root: str) -> str:
    """A plain configuration with a label for every kernel; empty where there is none."""
    found = kernels(patient.files)
    lines = [
        "# Written by Lifebuoy's doctor, as no good one was there; see `update-extlinux`.",
        f"DEFAULT {found[0].version if found else ''}",
        "PROMPT 0",
        "TIMEOUT 50",
    ]
    for kernel in found:
        lines += [
            f"LABEL {kernel.version}",
            f"  LINUX {patient.path_in_volume(kernel.name)}",
            f"  APPEND {arguments(patient, root)}",
        ]
        if kernel.initrd:
            lines.append(f"  INITRD {patient.path_in_volume(kernel.initrd)}")
    return "\n".join(lines) + "\n" if found else ""
