"""The kernels in /boot with their initramfs, newest first, as grub-mkconfig would list them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .tree import Tree

_KERNEL = re.compile(r"^(?:vmlinuz|vmlinux|bzImage|kernel)-(.+)$")
_NOT = re.compile(r"(\.old|\.bak|\.dpkg-\w+|\.sig|\.hmac|~|rescue-[0-9a-f]{32}.*)$")


@dataclass(frozen=True)
class Kernel:
    """A kernel in /boot; ``initrd`` is empty where there is none of its version."""

    version: str
    name: str
    initrd: str


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
        found.append(Kernel(version, name, initrd))
    return sorted(found, key=lambda kernel: _order(kernel.version), reverse=True)


def _order(version: str) -> list[tuple[int, int, str]]:
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
    return sorted(found, key=_order, reverse=True)
