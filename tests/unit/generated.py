"""Domain definitions put together at random from real parts, for property tests.

They look like what libvirt prints, and libvirt accepts nearly all of them. ``PASSWORD_MARK`` is
part of every graphics password, so that a test can look for it in texts.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from xml.sax.saxutils import escape, quoteattr

from hypothesis import strategies as st

PASSWORD_MARK = "pW7q"

_NAMES = st.text(
    alphabet=st.characters(codec="utf-8", categories=("L", "N"), include_characters="-_. "),
    min_size=1,
    max_size=12,
).filter(lambda name: name.strip() == name and PASSWORD_MARK not in name)
_TEXTS = st.text(
    alphabet=st.characters(
        codec="utf-8",
        categories=("L", "N", "P", "S"),
        include_characters=" \t\n",
        exclude_characters="￾￿",
    ),
    min_size=1,
    max_size=40,
).filter(lambda text: bool(text.strip()) and PASSWORD_MARK not in text)


@dataclass
class _Parts:
    """What a definition is made of while it is drawn."""

    machine: str
    bootable: bool
    devices: list[str] = field(default_factory=list)
    slots: list[int] = field(default_factory=list)
    boot_order: int = 0

    @property
    def is_q35(self) -> bool:
        return "q35" in self.machine

    def address(self) -> str:
        """An address in the next free slot of an i440fx; libvirt chooses on q35."""
        if self.is_q35 or not self.slots:
            return ""
        slot = self.slots.pop(0)
        return f"<address type='pci' domain='0x0000' bus='0x00' slot='{slot:#04x}' function='0x0'/>"

    def boot(self, wanted: bool) -> str:
        """The next boot order, where this definition uses them."""
        if not (wanted and self.bootable):
            return ""
        self.boot_order += 1
        return f"<boot order='{self.boot_order}'/>"


@st.composite
def definitions(draw: st.DrawFn) -> str:
    """A definition that can be rescued."""
    machine = draw(st.sampled_from(["pc-i440fx-7.2", "pc-q35-7.2", "pc", "q35"]))
    slots = list(range(draw(st.integers(3, 12)), 32))
    parts = _Parts(machine, bootable=draw(st.booleans()), slots=slots)
    _controllers(draw, parts)
    _disks(draw, parts)
    _interfaces(draw, parts)
    _characters(draw, parts)
    _screens(draw, parts)
    _others(draw, parts)
    memory_kib = draw(st.sampled_from([131072, 262144, 524287, 524288, 1048576, 4194304]))
    return "\n".join(
        [
            "<domain type='qemu'>",
            f"  <name>{escape(draw(_NAMES))}</name>",
            f"  <uuid>{uuid.UUID(int=draw(st.integers(1, 2**120)), version=4)}</uuid>",
            *_head(draw),
            f"  <memory unit='KiB'>{memory_kib}</memory>",
            *_current_memory(draw, memory_kib),
            *_tuning(draw),
            f"  <vcpu placement='static'>{draw(st.integers(1, 8))}</vcpu>",
            *_boot(draw, parts),
            *_behaviour(draw),
            "  <devices>",
            "    <emulator>/usr/bin/qemu-system-x86_64</emulator>",
            *(f"    {device}" for device in parts.devices),
            "  </devices>",
            "</domain>",
        ]
    )


def _head(draw: st.DrawFn) -> list[str]:
    lines = []
    if draw(st.booleans()):
        lines.append(f"  <title>{escape(draw(_TEXTS).replace(chr(10), ' '))}</title>")
    if draw(st.booleans()):
        lines.append(f"  <description>{escape(draw(_TEXTS))}</description>")
    if draw(st.booleans()):
        note = quoteattr(draw(_NAMES))
        lines += [
            "  <metadata>",
            f"    <o:owner xmlns:o='http://example.org/owner'><o:name v={note}/></o:owner>",
            "  </metadata>",
        ]
    return lines


def _current_memory(draw: st.DrawFn, memory_kib: int) -> list[str]:
    current = draw(st.sampled_from([memory_kib, memory_kib // 2]))
    return [f"  <currentMemory unit='KiB'>{current}</currentMemory>"]


def _tuning(draw: st.DrawFn) -> list[str]:
    lines = []
    if draw(st.booleans()):
        limit = draw(st.sampled_from([700000, 9000000]))
        lines.append(f"  <memtune><hard_limit unit='KiB'>{limit}</hard_limit></memtune>")
    if draw(st.booleans()):
        lines.append("  <memoryBacking><nosharepages/></memoryBacking>")
    return lines


def _boot(draw: st.DrawFn, parts: _Parts) -> list[str]:
    lines = []
    if draw(st.integers(0, 3)) == 0:
        code, template = "/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"
        lines += [
            f"    <loader readonly='yes' type='pflash'>{code}</loader>",
            f"    <nvram template='{template}'>/var/lib/libvirt/qemu/nvram/a_VARS.fd</nvram>",
        ]
    elif draw(st.integers(0, 3)) == 0:
        lines += ["    <kernel>/k</kernel>", "    <initrd>/i</initrd>", "    <cmdline>ro</cmdline>"]
    if not parts.bootable:
        for device in draw(st.permutations(["hd", "cdrom", "network", "fd"]))[:2]:
            lines.append(f"    <boot dev='{device}'/>")
    if draw(st.booleans()):
        lines.append(
            draw(
                st.sampled_from(
                    ["    <bootmenu enable='yes' timeout='3000'/>", "    <bootmenu enable='no'/>"]
                )
            )
        )
    if draw(st.booleans()):
        has_serial = any(device.startswith("<serial") for device in parts.devices)
        lines.append(f"    <bios useserial='{'yes' if has_serial else 'no'}' rebootTimeout='9'/>")
    return [
        "  <os>",
        f"    <type arch='x86_64' machine='{parts.machine}'>hvm</type>",
        *lines,
        "  </os>",
    ]


def _behaviour(draw: st.DrawFn) -> list[str]:
    # QEMU cannot do restart on power-off with destroy on reboot.
    pairs = [("destroy", "destroy"), ("destroy", "restart"), ("restart", "restart")]
    poweroff, reboot = draw(st.sampled_from(pairs))
    action = st.sampled_from(["destroy", "restart", "preserve"])
    hyperv = "<hyperv mode='custom'><relaxed state='on'/><vapic state='on'/></hyperv>"
    return [
        "  <features><acpi/><apic/>" + (hyperv if draw(st.booleans()) else "") + "</features>",
        f"  <clock offset='{draw(st.sampled_from(['utc', 'localtime']))}'/>",
        f"  <on_poweroff>{poweroff}</on_poweroff>",
        f"  <on_reboot>{reboot}</on_reboot>",
        f"  <on_crash>{draw(action)}</on_crash>",
    ]


def _controllers(draw: st.DrawFn, parts: _Parts) -> None:
    for index in range(draw(st.integers(0, 2))):
        model = draw(st.sampled_from(["virtio-scsi", "lsilogic"]))
        parts.devices.append(
            f"<controller type='scsi' index='{index}' model='{model}'>{parts.address()}"
            "</controller>"
        )
    if draw(st.booleans()):
        parts.devices.append(
            f"<controller type='virtio-serial' index='0'>{parts.address()}</controller>"
        )
    usb = draw(st.sampled_from(["", "none", "piix3-uhci", "qemu-xhci"]))
    if usb in ("none", "qemu-xhci"):
        parts.devices.append(f"<controller type='usb' index='0' model='{usb}'/>")


def _disks(draw: st.DrawFn, parts: _Parts) -> None:
    scsi = sum("type='scsi'" in device for device in parts.devices)
    has_usb = not any("model='none'" in device for device in parts.devices)
    fixed = "sata" if parts.is_q35 else "ide"
    buses = ["virtio", fixed, *(["scsi"] if scsi else []), *(["usb"] if has_usb else [])]
    used: dict[str, int] = dict.fromkeys(buses, 0)
    limits = {"virtio": 6, "sata": 6, "ide": 4, "scsi": 7 * scsi, "usb": 3}
    for _ in range(draw(st.integers(0, 9))):
        bus = draw(st.sampled_from(buses))
        if used[bus] < limits[bus]:
            parts.devices.append(_disk(draw, parts, bus, used[bus]))
            used[bus] += 1


def _disk(draw: st.DrawFn, parts: _Parts, bus: str, number: int) -> str:
    # Names of one family are shared by scsi, sata and usb, so each bus has its own stretch.
    start = {"scsi": 0, "sata": 14, "usb": 20}.get(bus, 0)
    prefix = {"virtio": "vd", "ide": "hd"}.get(bus, "sd")
    name = prefix + chr(ord("a") + start + number)
    is_cdrom = bus != "virtio" and draw(st.integers(0, 3)) == 0
    path = f"/var/lib/libvirt/images/{draw(_NAMES)}-{name}"
    source = f"<source file={quoteattr(path)}/>" if not is_cdrom or draw(st.booleans()) else ""
    serial = f"<serial>S{number}</serial>" if draw(st.booleans()) else ""
    address = parts.address() if bus == "virtio" else _drive(bus, number)
    return (
        f"<disk type='file' device='{'cdrom' if is_cdrom else 'disk'}'>"
        f"<driver name='qemu' type='{'raw' if is_cdrom else 'qcow2'}'/>{source}"
        f"<target dev='{name}' bus='{bus}'/>{'<readonly/>' if is_cdrom else ''}{serial}"
        f"{parts.boot(draw(st.booleans()))}{address}</disk>"
    )


def _drive(bus: str, number: int) -> str:
    controller, channel, unit = {
        "ide": (0, number // 2, number % 2),
        "sata": (0, 0, number),
        "scsi": (number // 7, 0, number % 7),
    }.get(bus, (0, 0, 0))
    if bus == "usb":
        return ""
    return (
        f"<address type='drive' controller='{controller}' bus='{channel}' target='0' "
        f"unit='{unit}'/>"
    )


def _interfaces(draw: st.DrawFn, parts: _Parts) -> None:
    for number in range(draw(st.integers(0, 4))):
        kind = draw(st.sampled_from(["user", "network", "bridge"]))
        source = {"network": "<source network='default'/>", "bridge": "<source bridge='br0'/>"}
        model = draw(st.sampled_from(["virtio", "e1000", "rtl8139"]))
        parts.devices.append(
            f"<interface type='{kind}'><mac address='52:54:00:00:{draw(st.integers(0, 255)):02x}:"
            f"{number:02x}'/>{source.get(kind, '')}<model type='{model}'/>"
            f"{parts.boot(draw(st.booleans()))}{parts.address()}</interface>"
        )


def _characters(draw: st.DrawFn, parts: _Parts) -> None:
    serial = draw(st.sampled_from(["", "pty", "tcp", "logged"]))
    source = {
        "tcp": "<source mode='bind' host='127.0.0.1' service='4555'/><protocol type='telnet'/>",
        "logged": "<log file='/var/log/console.log' append='on'/>",
    }.get(serial, "")
    if serial:
        kind = "tcp" if serial == "tcp" else "pty"
        parts.devices.append(f"<serial type='{kind}'>{source}<target port='0'/></serial>")
    if draw(st.booleans()):
        parts.devices.append(
            "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>"
        )


def _screens(draw: st.DrawFn, parts: _Parts) -> None:
    kind = draw(st.sampled_from(["", "vnc", "spice", "vnc spice"]))
    for number, name in enumerate(kind.split()):
        secret = f" passwd='{PASSWORD_MARK}{number}'" if draw(st.booleans()) else ""
        if secret and draw(st.booleans()):
            secret += " passwdValidTo='2031-05-06T07:08:09' connected='keep'"
        parts.devices.append(f"<graphics type='{name}' autoport='yes'{secret}/>")
    if kind:
        model = draw(st.sampled_from(["vga", "cirrus", "virtio", "none"]))
        parts.devices.append(f"<video><model type='{model}'/></video>")


def _others(draw: st.DrawFn, parts: _Parts) -> None:
    has_usb = not any("type='usb' index='0' model='none'" in item for item in parts.devices)
    if draw(st.booleans()):
        action = draw(st.sampled_from(["reset", "poweroff", "pause", "none"]))
        parts.devices.append(
            f"<watchdog model='i6300esb' action='{action}'>{parts.address()}</watchdog>"
        )
    if draw(st.booleans()):
        parts.devices.append(
            "<tpm model='tpm-tis'><backend type='passthrough'>"
            "<device path='/dev/tpm0'/></backend></tpm>"
        )
    if has_usb and draw(st.booleans()):
        parts.devices.append(
            "<hostdev mode='subsystem' type='usb' managed='yes'><source>"
            "<vendor id='0x0781'/><product id='0x5567'/></source>"
            f"{parts.boot(draw(st.booleans()))}</hostdev>"
        )
    if draw(st.booleans()):
        parts.devices.append(
            "<rng model='virtio'><backend model='random'>/dev/urandom</backend>"
            f"{parts.address()}</rng>"
        )
    model = draw(st.sampled_from(["none", "virtio"]))
    parts.devices.append(f"<memballoon model='{model}'/>")
