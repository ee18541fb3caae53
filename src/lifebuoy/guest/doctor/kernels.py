"""The kernels in /boot with their initramfs, newest first, as grub-mkconfig would list them."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from .tree import Tree

_KERNEL = re.compile(r"^(?:vmlinuz|vmlinux|bzImage|kernel)-(.+)$")
_NOT = re.compile(r"(\.old|\.bak|\.dpkg-\w+|\.sig|\.hmac|~|rescue-[0-9a-f]{32}.*)$")
RESCUE = "-rescue-"  # in the name of Fedora's, which is made once and never updated
_RELEASE = re.compile(rb"[0-9][0-9A-Za-z._+~-]{0,120}")
_VERSION_POINTER = 0x20E  # kernel_version of docs.kernel.org/arch/x86/boot.html
_HEAD = 1 << 16


@dataclass(frozen=True)
class Kernel:
    """A kernel in /boot: ``version`` is what its file name says, ``release`` its modules' folder.

    They differ where the file is called by its kind (vmlinuz-linux, vmlinuz-virt). ``initrd`` is
    empty where there is none of its version.
    """

    version: str
    name: str
    initrd: str
    release: str


def initrd_names(version: str) -> tuple[str, ...]:
    """What the initramfs of a version is called, by the families."""
    return (
        f"initrd.img-{version}",
        f"initramfs-{version}.img",
        f"initrd-{version}",
        f"initrd-{version}.img",
        f"initramfs-{version}",
    )


def kernels(tree: Tree) -> list[Kernel]:
    """The kernels found, newest first."""
    names = set(tree.names("/boot"))
    found = []
    for name in names:
        match = _KERNEL.match(name)
        if match is None or _NOT.search(name) or not tree.is_file(f"/boot/{name}"):
            continue
        version = match.group(1)
        initrd = next((one for one in initrd_names(version) if one in names), "")
        found.append(Kernel(version, name, initrd, _release(tree, name, version)))
    return sorted(found, key=lambda kernel: order(kernel.release), reverse=True)


def _release(tree: Tree, name: str, version: str) -> str:
    """By its name, else by what the image says of itself, else by what was installed with it."""
    if version[:1].isdigit():
        return version
    said = release_of(tree.read(f"/boot/{name}", _HEAD) or b"")
    return said or next((one for one in module_versions(tree) if kind(tree, one) == version), "")


def release_of(head: bytes) -> str:
    """The release that an x86 kernel image names in its header; empty where it has none."""
    if head[0x202:0x206] != b"HdrS" or len(head) < _VERSION_POINTER + 2:
        return ""
    at = struct.unpack_from("<H", head, _VERSION_POINTER)[0] + 0x200
    match = _RELEASE.match(head, at)
    return match[0].decode("ascii") if match and at > 0x200 else ""


def kind(tree: Tree, release: str) -> str:
    """What the kernel with these modules is called in /boot, where not by its release.

    Arch Linux keeps that beside the modules, Alpine at the end of the release.
    """
    own = tree.text(f"/usr/lib/modules/{release}/pkgbase", 200)
    if own is not None:
        return own.strip()
    end = release.rpartition("-")[2]
    return end if end and tree.exists(f"/usr/share/kernel/{end}/kernel.release") else ""


def order(version: str) -> list[tuple[int, int, str]]:
    """What versions are sorted by."""
    return [
        (1, int(part), "") if part.isdigit() else (0, 0, part)
        for part in re.split(r"(\d+)", version[:200])
        if part and len(part) < 19
    ]


def module_versions(tree: Tree) -> list[str]:
    """The versions that have a folder of modules, newest first."""
    found = {
        name
        for folder in ("/lib/modules", "/usr/lib/modules")
        for name in tree.names(folder)
        if tree.is_folder(f"{folder}/{name}")
    }
    return sorted(found, key=order, reverse=True)
