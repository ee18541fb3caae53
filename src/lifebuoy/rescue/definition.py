"""The transformation original -> rescue -> original, as pure functions on domain XML.

What a definition holds and rescue mode does not have to change, it does not touch: names,
addresses, disks, network, CPU, passed-through devices, other people's metadata.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from lxml import etree

from lifebuoy.model import Stay
from lifebuoy.rescue import cdrom, devices, secret
from lifebuoy.rescue.markup import Element, parse, place, remove, text_of
from lifebuoy.rescue.refusal import qemu_arguments, refuse_element, refuse_if_impossible
from lifebuoy.rescue.stay import TAG, from_element, to_element
from lifebuoy.rescue.traits import (
    Disk,
    Interface,
    Traits,
    inspect,
    keeps_nvram,
    kib_of,
)

__all__ = [
    "Disk",
    "Interface",
    "RescueMedia",
    "Traits",
    "inspect",
    "original_of",
    "plan_bus",
    "refuse_if_impossible",
    "rescue_of",
    "stay_of",
    "with_passwords",
    "with_stay",
    "without_stay",
]

plan_bus = cdrom.plan_bus

#: What decides the boot below ``<os>``; loader, firmware and SMBIOS tables stay.
BOOT_CHOICES = ("boot", "bootmenu", "kernel", "initrd", "cmdline", "dtb", "shim")

_LIFECYCLE = ("on_poweroff", "on_reboot", "on_crash")

# QEMU's own needs beside the guest's memory, for judging a hard limit.
_OVERHEAD_KIB = 512 * 1024


@dataclass(frozen=True, slots=True)
class RescueMedia:
    """Paths on the host of what is made for a stay; None for what is not used."""

    image_path: str
    seed_path: str | None = None
    nvram_path: str | None = None
    boot_log_path: str | None = None


def original_of(xml_secure: str) -> str:
    """The definition to be carried: without our metadata, without secrets.

    ``xml_secure`` is the inactive definition with VIR_DOMAIN_XML_SECURE. Where there is nothing
    to take out, it is returned byte for byte.

    Raises:
        CannotRescue: it is not a well-formed domain definition.
    """
    root = parse(xml_secure)
    had_stay = _take_out_stay(root)
    had_secret = secret.take_out(root)
    return text_of(root) if had_stay or had_secret else xml_secure


def with_passwords(original: str, current_secure_xml: str) -> str:
    """The carried original with the secrets that the current definition holds, for the exit."""
    root = parse(original)
    before = text_of(root)
    secret.put_back(root, parse(current_secure_xml))
    after = text_of(root)
    return original if after == before else after


def rescue_of(
    xml_secure: str,
    media: RescueMedia,
    *,
    image_arch: str = "x86_64",
    min_memory_mib: int = 512,
) -> str:
    """The rescue definition, without the record of the stay (see ``with_stay``).

    Raises:
        CannotRescue: naming the part that stands in the way.
    """
    root = parse(xml_secure)
    refuse_element(root, image_arch=image_arch, min_memory_mib=min_memory_mib)
    if root.find("devices") is None:
        place(root, etree.Element("devices"))
    # Decided before anything is added, which would take some of the room.
    plan = cdrom.plan(root)
    has_room = cdrom.has_pci_room(root)
    _boot_nothing_else(root)
    _add_cdroms(root, plan, media)
    _use_own_nvram(root, media)
    _stay_on(root)
    _raise_memory(root, min_memory_mib)
    devices.disarm(root)
    devices.ensure_agent_channel(root, has_room=has_room)
    devices.ensure_serial(root, log_path=media.boot_log_path)
    devices.ensure_screen(root, has_room=has_room)
    return text_of(root)


def with_stay(xml: str, stay: Stay) -> str:
    """``xml`` carrying ``stay`` in its metadata, instead of one that was there."""
    root = parse(xml)
    _take_out_stay(root)
    metadata = root.find("metadata")
    if metadata is None:
        metadata = etree.Element("metadata")
        place(root, metadata, after=("name", "uuid", "genid", "title", "description"))
    place(metadata, to_element(stay))
    return text_of(root)


def without_stay(xml: str) -> str:
    """``xml`` without our metadata; byte for byte where there is none."""
    root = parse(xml)
    return text_of(root) if _take_out_stay(root) else xml


def stay_of(xml: str) -> Stay | None:
    """The stay that a definition carries, or None.

    Raises:
        StayUnreadable: there is one, but it is damaged or from a newer version.
    """
    found = parse(xml).find(f"metadata/{TAG}")
    return None if found is None else from_element(found)


def _take_out_stay(root: Element) -> bool:
    found = root.findall(f"metadata/{TAG}")
    for element in found:
        metadata = element.getparent()
        remove(element)
        if metadata is not None and len(metadata) == 0:
            remove(metadata)
    return bool(found)


def _boot_nothing_else(root: Element) -> None:
    """Take away every other thing that could be booted; a missing CD-ROM must not boot the disk."""
    for name in BOOT_CHOICES:
        for element in root.findall(f"os/{name}"):
            remove(element)
    for order in root.findall("devices/*/boot"):
        remove(order)


def _add_cdroms(root: Element, plan: cdrom.Plan, media: RescueMedia) -> None:
    parent = root.find("devices")
    if parent is None:
        return
    if plan.new_controller is not None:
        controller = etree.Element(
            "controller", type="scsi", index=str(plan.new_controller), model="virtio-scsi"
        )
        place(parent, controller, after=devices.AFTER_CONTROLLER)
    wanted = [(media.image_path, cdrom.IMAGE_SERIAL)]
    if media.seed_path is not None:
        wanted.append((media.seed_path, cdrom.SEED_SERIAL))
    names = list(islice(cdrom.free_names(root, plan.bus), len(wanted)))
    for spot, name, (path, serial) in zip(plan.places, names, wanted, strict=False):
        place(parent, cdrom.make(spot, name, path, serial), after=devices.AFTER_DISK)


def _use_own_nvram(root: Element, media: RescueMedia) -> None:
    """Boot with variables of our own: firmware writes to the file that it boots with."""
    boot = root.find("os")
    if media.nvram_path is None or boot is None or not keeps_nvram(root):
        return
    own = etree.Element("nvram")
    own.text = media.nvram_path
    nvram = boot.find("nvram")
    if nvram is not None:
        # ``type`` and ``<source>`` say where the original's file is, so they are not copied.
        for name in ("template", "templateFormat", "format"):
            if nvram.get(name):
                own.set(name, str(nvram.get(name)))
        remove(nvram)
    place(boot, own, after=("type", "firmware", "loader"))


def _stay_on(root: Element) -> None:
    """Power-off, reboot and crash inside come back to the rescue system, not to a stopped VM."""
    for name in _LIFECYCLE:
        element = root.find(name)
        if element is None:
            element = etree.Element(name)
            place(root, element, after=("clock", *_LIFECYCLE))
        element.text = "restart"


def _raise_memory(root: Element, min_memory_mib: int) -> None:
    """Give the rescue system its minimum; limits made for the smaller guest would kill it."""
    wanted = min_memory_mib * 1024
    raised = 0
    for name in ("memory", "currentMemory"):
        element = root.find(name)
        if element is not None and kib_of(element) < wanted:
            element.set("unit", "KiB")
            element.text = str(wanted)
            raised = wanted
    limit = root.find("memtune/hard_limit")
    if raised and limit is not None and kib_of(limit) < raised + _OVERHEAD_KIB:
        remove(limit)


def shown_uuid(xml: str) -> str:
    """The UUID that the machine shows its system (SMBIOS, type 1); empty where QEMU's own
    arguments may say another.
    """
    root = parse(xml)
    own = any("uuid" in one or "smbios" in one for one in qemu_arguments(root))
    return "" if own else (root.findtext("uuid") or "").strip().lower()


def boots_rescue(xml: str) -> bool:
    """Whether a definition has our rescue CD-ROM, as the live one of a stay does."""
    return any(cdrom.is_ours(disk) for disk in parse(xml).iterfind("devices/disk"))
