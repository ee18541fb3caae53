"""Guests as the host's administrator makes them: disks in libvirt's own folder, definitions."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lab import cache, guest
from lab.definition import domain_xml
from lab.layout import Layout
from tests.boot.machine import bare
from tests.daemon.machine import Machine

FOLDER: Final = "/var/lib/libvirt/images"
POOL: Final = "/var/lib/lifebuoy/media"


@dataclass(frozen=True)
class Guests:
    """The guests of ``host``; all calls are its root's."""

    host: Machine

    def disk(self, layout: Layout, name: str) -> Path:
        """A disk with the lab's guest of this layout, as it is called outside the host."""
        base, disk = (self.host.path(f"{FOLDER}/{file}.qcow2") for file in (f"base-{layout}", name))
        if not base.exists():
            built = guest.get(cache.folder(os.environ), layout, print)
            shutil.copyfile(built.base, base)
        # Named without its folder, the base is found from outside the host, too.
        create = ("create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", base.name)
        self.host.as_root("qemu-img", *create, f"{FOLDER}/{disk.name}")
        return disk

    def blank(self, name: str) -> Path:
        """An empty disk, as it is called outside the host."""
        disk = f"{FOLDER}/{name}.qcow2"
        self.host.as_root("qemu-img", "create", "-q", "-f", "qcow2", disk, "64M")
        return self.host.path(disk)

    def define(self, layout: Layout, disk: Path) -> str:
        """Define the guest on ``disk``, named like it; returns its definition."""
        place = Path(FOLDER, disk.name)
        xml = domain_xml(layout, place, name=disk.stem, uuid="")
        return self.settle(xml.replace("<uuid></uuid>", "").replace("<uuid/>", ""), disk.stem)

    def define_bare(self, name: str) -> str:
        """A machine without disk and network that does nothing; returns its definition."""
        return self.settle(bare(name), name)

    def settle(self, xml: str, name: str) -> str:
        """Define it as libvirt itself writes it from then on."""
        self.host.virsh("define", "/dev/stdin", stdin=xml)
        self.host.virsh("define", "/dev/stdin", stdin=self.definition(name))
        return self.definition(name)

    def definition(self, name: str) -> str:
        """What is defined, with its secrets."""
        return self.host.virsh("dumpxml", "--inactive", "--security-info", name)

    def stay_media(self) -> list[str]:
        """What is in the pool of rescue media beside images."""
        folder = self.host.path(POOL)
        names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
        return sorted(name for name in names if not name.startswith("rescue-"))

    def remove_all(self) -> None:
        """Cut off and forget what is defined, and what stays have left."""
        for name in self.host.virsh("list", "--name").split():
            self.host.virsh("destroy", name)
        for name in self.host.virsh("list", "--all", "--name").split():
            self.host.virsh("undefine", "--nvram", name)
            self.host.path(f"{FOLDER}/{name}.qcow2").unlink(missing_ok=True)
        for name in self.stay_media():
            self.host.path(f"{POOL}/{name}").unlink()
