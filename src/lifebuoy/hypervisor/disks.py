"""Which ``DiskFiles`` serves a host, and the passing domain in which files are merged."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Final

from lxml import etree

from lifebuoy.errors import LifebuoyError
from lifebuoy.hypervisor.blockjobs import BlockJobs
from lifebuoy.hypervisor.diskfiles import DiskFiles
from lifebuoy.hypervisor.host import Host
from lifebuoy.hypervisor.localdisks import LocalDisks
from lifebuoy.hypervisor.pooldisks import PoolDisks

MERGER_PREFIX: Final = "lifebuoy-merge-"


def disk_files(host: Host) -> DiskFiles:
    """The files of disks on ``host``."""
    if host.is_embedded:
        return LocalDisks()
    return PoolDisks(host._link)


@contextmanager
def merging(
    host: Host, uuid: str, like: str, files: Mapping[str, tuple[str, str]]
) -> Iterator[BlockJobs]:
    """A machine that never runs, with these disks (path and format by target); for block jobs.

    It is of the kind of the definition ``like``. One that an earlier process left for the same
    ``uuid`` is ended first: it may hold the files.
    """
    end_mergers(host, uuid)
    name = f"{MERGER_PREFIX}{uuid[:8]}-{secrets.token_hex(4)}"
    domain = host.launch(_machine(name, like, files), paused=True)
    try:
        yield BlockJobs(domain)
    finally:
        domain.destroy()


def end_mergers(host: Host, uuid: str) -> None:
    """End what an earlier process left; QEMU flushes what it wrote."""
    for domain in host.domains():
        if domain.name.startswith(f"{MERGER_PREFIX}{uuid[:8]}-") and not domain.persistent:
            with suppress(LifebuoyError):  # it ended by itself
                domain.destroy()


def _machine(name: str, like: str, files: Mapping[str, tuple[str, str]]) -> str:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
    model = etree.fromstring(like.encode(), parser)
    root = etree.Element("domain", type="qemu")
    etree.SubElement(root, "name").text = name
    etree.SubElement(root, "memory", unit="MiB").text = "64"
    kind = model.find("os/type")
    system = etree.SubElement(etree.SubElement(root, "os"), "type")
    system.text = "hvm"
    if kind is not None and kind.get("arch"):
        system.set("arch", str(kind.get("arch")))
    devices = etree.SubElement(root, "devices")
    emulator = model.findtext("devices/emulator")
    if emulator:
        etree.SubElement(devices, "emulator").text = emulator
    etree.SubElement(devices, "controller", type="scsi", model="virtio-scsi", index="0")
    etree.SubElement(devices, "controller", type="usb", model="none", index="0")
    etree.SubElement(devices, "memballoon", model="none")
    for number, (target, (path, image_format)) in enumerate(sorted(files.items())):
        disk = etree.SubElement(devices, "disk", type="file", device="disk")
        etree.SubElement(disk, "driver", name="qemu", type=image_format)
        etree.SubElement(disk, "source", file=path)
        etree.SubElement(disk, "target", dev=target, bus="scsi")
        place = etree.SubElement(disk, "address", type="drive", controller="0", bus="0")
        place.set("target", str(number))
        place.set("unit", "0")
    return etree.tostring(root, encoding="unicode")
