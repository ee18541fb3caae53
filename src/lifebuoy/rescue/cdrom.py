"""Where the rescue CD-ROMs go: the bus, the places on it, the names that are free.

Existing devices are never moved: their addresses and names are what the guest knows them by.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from string import ascii_lowercase

from lxml import etree

from lifebuoy.errors import CannotRescue
from lifebuoy.rescue.markup import Element, attribute, number, parse

IMAGE_SERIAL = "lifebuoy-rescue"
SEED_SERIAL = "lifebuoy-seed"

#: Places are planned for both CD-ROMs, so that the answer does not depend on a seed being used.
_WANTED = 2

_PCI_SLOTS = 32
_SATA_PORTS = 6
# One bus of a virtio-scsi controller has 255 targets; SeaBIOS and Linux look at them all.
_SCSI_TARGETS = 255


@dataclass(frozen=True, slots=True)
class Place:
    """A place for one CD-ROM. ``controller`` is None where libvirt chooses (USB ports)."""

    bus: str
    controller: int | None = None
    bus_number: int = 0
    target: int = 0
    unit: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """Places for the image's and the seed's CD-ROM.

    ``new_controller`` is the index of a virtio-scsi controller that must be added, or None.
    """

    bus: str
    places: tuple[Place, Place]
    new_controller: int | None = None


def plan_bus(xml: str) -> str:
    """The bus for the rescue CD-ROMs: ``scsi`` (virtio), ``sata``, ``ide`` or ``usb``.

    Raises:
        CannotRescue: no bus has room.
    """
    return plan(parse(xml)).bus


def plan(root: Element) -> Plan:
    """Places for the rescue CD-ROMs, on the fastest bus that has room.

    virtio-scsi comes first: booting from emulated IDE takes several times as long.

    Raises:
        CannotRescue: no bus has room.
    """
    if has_pci_room(root):
        index = _next_controller(root, "scsi")
        # A controller of its own, so that the guest's SCSI disks keep controller, target and unit.
        image, seed = (Place("scsi", index, unit=unit) for unit in range(_WANTED))
        return Plan("scsi", (image, seed), new_controller=index)
    for candidates in (_virtio_scsi(root), _sata(root), _ide(root), _usb(root)):
        found = [place for _, place in zip(range(_WANTED), candidates, strict=False)]
        if len(found) == _WANTED:
            return Plan(found[0].bus, (found[0], found[1]))
    raise CannotRescue(
        "there is no free place for the rescue CD-ROM: the PCI bus is full, and so are the "
        "SCSI, SATA, IDE and USB buses",
        hint="detach a device that is not needed now (an empty CD-ROM drive, say) and try again",
    )


def is_q35(root: Element) -> bool:
    """Whether the machine is a q35 (PCI Express, SATA built in)."""
    machine = attribute(root, "os/type", "machine")
    return machine == "q35" or machine.startswith("pc-q35")


def is_pcie(root: Element) -> bool:
    """Whether the machine has PCI Express, to which libvirt adds ports as needed."""
    machine = attribute(root, "os/type", "machine")
    return is_q35(root) or machine == "virt" or machine.startswith("virt-")


def is_i440fx(root: Element) -> bool:
    """Whether the machine is an i440fx (PCI, IDE built in); the default of x86."""
    machine = attribute(root, "os/type", "machine")
    old = ("pc-0.", "pc-1.", "pc-i440fx", "rhel6", "rhel5")
    return machine in ("", "pc") or machine.startswith(old)


def has_pci_room(root: Element) -> bool:
    """Whether one more PCI device can be added.

    With PCI Express libvirt adds root ports as needed. On i440fx one free slot is enough for any
    number of devices: libvirt puts a bridge there when it is the last one.
    """
    if is_pcie(root):
        return True
    if not is_i440fx(root):
        return False
    if len(_used_slots(root, 0)) < _PCI_SLOTS:
        return True
    bridges = [
        number(controller.get("index"))
        for controller in root.findall("devices/controller[@type='pci']")
        if controller.get("model") == "pci-bridge"
    ]
    return any(len(_used_slots(root, bridge)) < _PCI_SLOTS for bridge in bridges)


def free_names(root: Element, bus: str) -> Iterator[str]:
    """Target names of the bus's family that no disk has, in order."""
    taken = {target.get("dev") for target in root.findall("devices/disk/target")}
    prefix = "hd" if bus == "ide" else "sd"
    for length in (1, 2):
        for letters in product(ascii_lowercase, repeat=length):
            name = prefix + "".join(letters)
            if name not in taken:
                yield name


def is_ours(disk: Element) -> bool:
    """Whether the disk is one of the rescue CD-ROMs."""
    return (disk.findtext("serial") or "").strip() in (IMAGE_SERIAL, SEED_SERIAL)


def seed_drive(xml: str) -> str | None:
    """The target name of the seed's drive; None where it has gone with the seed, as on USB."""
    for disk in parse(xml).iterfind("devices/disk"):
        target = disk.find("target")
        if (disk.findtext("serial") or "").strip() == SEED_SERIAL and target is not None:
            return str(target.get("dev", ""))
    return None


def make(place: Place, name: str, path: str, serial: str) -> Element:
    """The ``<disk>`` of a rescue CD-ROM. The image's is the one thing the machine boots."""
    disk = etree.Element("disk", type="file", device="cdrom")
    etree.SubElement(disk, "driver", name="qemu", type="raw")
    source = etree.SubElement(disk, "source", file=path)
    etree.SubElement(disk, "target", dev=name, bus=place.bus)
    etree.SubElement(disk, "readonly")
    etree.SubElement(disk, "serial").text = serial
    if serial == IMAGE_SERIAL:
        etree.SubElement(disk, "boot", order="1")
    else:
        # The seed is deleted once it was read; a later start must not need it.
        source.set("startupPolicy", "optional")
    if place.controller is not None:
        etree.SubElement(
            disk,
            "address",
            type="drive",
            controller=str(place.controller),
            bus=str(place.bus_number),
            target=str(place.target),
            unit=str(place.unit),
        )
    return disk


def _used_slots(root: Element, bus: int) -> set[int]:
    # Slot 0 holds the host bridge (or is no slot, on a bridge), slot 1 of bus 0 the PIIX3.
    used = {0, 1} if bus == 0 else {0}
    for address in root.iterfind("devices//address[@type='pci']"):
        parent = address.getparent()
        if parent is not None and parent.tag == "source":
            continue  # the host's address of a passed-through device
        if number(address.get("domain")) == 0 and number(address.get("bus")) == bus:
            used.add(number(address.get("slot")))
    return used


def _next_controller(root: Element, kind: str) -> int:
    used = [
        number(item.get("index")) for item in root.findall(f"devices/controller[@type='{kind}']")
    ]
    # A disk's address names a controller even where the definition does not list it.
    used += [controller for controller, *_ in _drives(root, kind)]
    return max(used, default=-1) + 1


def _drives(root: Element, bus: str) -> Iterator[tuple[int, int, int, int]]:
    disks = [
        disk for disk in root.findall("devices/disk") if attribute(disk, "target", "bus") == bus
    ]
    if bus == "scsi":
        disks += root.findall("devices/hostdev[@type='scsi']")
    for disk in disks:
        address = disk.find("address[@type='drive']")
        if address is not None:
            yield (
                number(address.get("controller")),
                number(address.get("bus")),
                number(address.get("target")),
                number(address.get("unit")),
            )


def _virtio_scsi(root: Element) -> Iterator[Place]:
    used = {(controller, target) for controller, _, target, _ in _drives(root, "scsi")}
    for controller in root.findall("devices/controller[@type='scsi']"):
        index = number(controller.get("index"))
        if str(controller.get("model")).startswith("virtio"):
            for target in range(_SCSI_TARGETS):
                if (index, target) not in used:
                    yield Place("scsi", index, target=target)


def _sata(root: Element) -> Iterator[Place]:
    indexes = {
        number(item.get("index")) for item in root.findall("devices/controller[@type='sata']")
    }
    if is_q35(root):
        indexes.add(0)  # part of the machine, listed or not
    used = {(controller, unit) for controller, _, _, unit in _drives(root, "sata")}
    for index, unit in product(sorted(indexes), range(_SATA_PORTS)):
        if (index, unit) not in used:
            yield Place("sata", index, unit=unit)


def _ide(root: Element) -> Iterator[Place]:
    if not is_i440fx(root):
        return
    used = {(channel, unit) for _, channel, _, unit in _drives(root, "ide")}
    for channel, unit in product(range(2), range(2)):
        if (channel, unit) not in used:
            yield Place("ide", 0, bus_number=channel, unit=unit)


def _usb(root: Element) -> Iterator[Place]:
    # Libvirt adds hubs when the ports run out, so a controller is all that is needed.
    for controller in root.findall("devices/controller[@type='usb']"):
        if controller.get("model") != "none":
            for _ in range(_WANTED):
                yield Place("usb")
