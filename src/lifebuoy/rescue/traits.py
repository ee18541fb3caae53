"""What a definition is: the facts that rescue mode decides by, read once."""

from __future__ import annotations

from dataclasses import dataclass

from lifebuoy.rescue.markup import Element, attribute, children, number, parse, words

AGENT_CHANNEL = "org.qemu.guest_agent.0"

_UNIT_BYTES = {
    "b": 1,
    "bytes": 1,
    "kb": 10**3,
    "k": 2**10,
    "kib": 2**10,
    "mb": 10**6,
    "m": 2**20,
    "mib": 2**20,
    "gb": 10**9,
    "g": 2**30,
    "gib": 2**30,
    "tb": 10**12,
    "t": 2**40,
    "tib": 2**40,
}


@dataclass(frozen=True, slots=True)
class Disk:
    """A disk as defined. ``source`` is its file, device, volume or network name, or empty."""

    target: str
    bus: str
    type: str
    device: str
    format: str
    source: str
    readonly: bool
    shareable: bool
    serial: str


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface as defined."""

    type: str
    mac: str
    model: str


@dataclass(frozen=True, slots=True)
class Traits:
    """A definition's facts. Absent texts are empty, an absent file is None."""

    name: str
    uuid: str
    virt_type: str
    arch: str
    machine: str
    os_type: str
    memory_mib: int
    current_memory_mib: int
    uefi: bool
    nvram: str | None
    nvram_template: str | None
    secure_boot: bool
    direct_kernel: bool
    disks: tuple[Disk, ...]
    interfaces: tuple[Interface, ...]
    has_agent_channel: bool
    has_serial: bool
    serial_log: str | None
    graphics: tuple[str, ...]
    has_video: bool
    has_tpm: bool
    has_watchdog: bool
    has_hostdev: bool


def inspect(xml: str) -> Traits:
    """The facts of a definition.

    Raises:
        CannotRescue: it is not a well-formed domain definition.
    """
    return inspect_element(parse(xml))


def inspect_element(root: Element) -> Traits:
    """The facts of a parsed definition."""
    serials = root.findall("devices/serial")
    nvram = root.find("os/nvram")
    memory_kib = kib_of(root.find("memory"))
    current_kib = kib_of(root.find("currentMemory")) or memory_kib
    return Traits(
        name=words(root, "name"),
        uuid=words(root, "uuid"),
        virt_type=str(root.get("type") or ""),
        arch=attribute(root, "os/type", "arch"),
        machine=attribute(root, "os/type", "machine"),
        os_type=words(root, "os/type"),
        memory_mib=memory_kib // 1024,
        current_memory_mib=current_kib // 1024,
        uefi=is_uefi(root),
        nvram=None if nvram is None else _nvram_path(nvram),
        nvram_template=None if nvram is None else nvram.get("template"),
        secure_boot=_secure_boot(root),
        direct_kernel=bool(words(root, "os/kernel")),
        disks=tuple(_disk(disk) for disk in root.findall("devices/disk")),
        interfaces=tuple(_interface(nic) for nic in root.findall("devices/interface")),
        has_agent_channel=has_agent_channel(root),
        has_serial=bool(serials),
        serial_log=(attribute(serials[0], "log", "file") or None) if serials else None,
        graphics=tuple(str(item.get("type") or "") for item in root.findall("devices/graphics")),
        has_video=any(
            attribute(video, "model", "type") != "none" for video in root.findall("devices/video")
        ),
        has_tpm=root.find("devices/tpm") is not None,
        has_watchdog=root.find("devices/watchdog") is not None,
        has_hostdev=root.find("devices/hostdev") is not None,
    )


def kib_of(memory: Element | None) -> int:
    """A memory element's size in KiB, rounded up; 0 if it is absent or not a number."""
    if memory is None:
        return 0
    unit = _UNIT_BYTES.get(str(memory.get("unit") or "KiB").lower(), 2**10)
    return -(-number((memory.text or "").strip()) * unit // 2**10)


def is_uefi(root: Element) -> bool:
    """Whether the firmware is UEFI, named or left to libvirt to choose."""
    if attribute(root, "os", "firmware"):
        return attribute(root, "os", "firmware") == "efi"
    return attribute(root, "os/loader", "type") == "pflash"


def keeps_nvram(root: Element) -> bool:
    """Whether the firmware has a variable store of its own (stateless builds have none)."""
    return is_uefi(root) and attribute(root, "os/loader", "stateless") != "yes"


def has_agent_channel(root: Element) -> bool:
    """Whether the guest agent's channel is there."""
    return any(
        attribute(channel, "target", "name") == AGENT_CHANNEL
        for channel in root.findall("devices/channel")
    )


def _nvram_path(nvram: Element) -> str | None:
    path = (nvram.text or "").strip() or attribute(nvram, "source", "file")
    return path or attribute(nvram, "source", "dev") or None


def _secure_boot(root: Element) -> bool:
    if attribute(root, "os/loader", "secure") == "yes":
        return True
    return any(
        feature.get("name") == "secure-boot" and feature.get("enabled") == "yes"
        for feature in root.findall("os/firmware/feature")
    )


def _disk(disk: Element) -> Disk:
    source = disk.find("source")
    names = ("file", "dev", "dir", "volume", "name", "path")
    given = [] if source is None else [str(source.get(name)) for name in names if source.get(name)]
    tags = {child.tag for child in children(disk)}
    return Disk(
        target=attribute(disk, "target", "dev"),
        bus=attribute(disk, "target", "bus"),
        type=str(disk.get("type") or ""),
        device=str(disk.get("device") or "disk"),
        format=attribute(disk, "driver", "type"),
        source=given[0] if given else "",
        readonly="readonly" in tags,
        shareable="shareable" in tags,
        serial=words(disk, "serial"),
    )


def _interface(nic: Element) -> Interface:
    return Interface(
        type=str(nic.get("type") or ""),
        mac=attribute(nic, "mac", "address"),
        model=attribute(nic, "model", "type"),
    )
