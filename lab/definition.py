"""The libvirt definition of a guest of the lab, as an administrator would have written it."""

from __future__ import annotations

from pathlib import Path

from lxml import etree

from lab import emulator
from lab.layout import Firmware, Layout

AGENT_CHANNEL = "org.qemu.guest_agent.0"
MACHINES = {Firmware.BIOS: "pc", Firmware.UEFI: "q35"}
# Only this guest has the agent's channel from the start; for the others rescue mode adds it.
WITH_AGENT = frozenset({Layout.UEFI})


def domain_xml(
    layout: Layout,
    disk: Path,
    *,
    name: str,
    uuid: str,
    nvram: Path | None = None,
    memory_mib: int = 768,
    vcpus: int = 2,
    machine: str = "",
    domain_type: str = "qemu",
) -> str:
    """Domain XML that boots the qcow2 ``disk`` as vda, without any address or alias in it.

    ``nvram`` is where the firmware variables of a UEFI guest go; libvirt chooses where None.
    """
    devices = _node(
        "devices",
        _node(
            "disk",
            _node("driver", name="qemu", type="qcow2", discard="unmap"),
            _node("source", file=str(disk)),
            _node("target", dev="vda", bus="virtio"),
            type="file",
            device="disk",
        ),
        _node("interface", _node("model", type="virtio"), type="user"),
        _node("serial", _node("target", port="0"), type="pty"),
        _node("console", _node("target", type="serial", port="0"), type="pty"),
        _node("graphics", _node("listen", type="none"), type="vnc"),
        _node("video", _node("model", type="vga")),
        _node("memballoon", model="none"),
    )
    if layout in WITH_AGENT:
        target = _node("target", type="virtio", name=AGENT_CHANNEL)
        devices.append(_node("channel", target, type="unix"))
    domain = _node(
        "domain",
        _text("name", name),
        _text("uuid", uuid),
        _text("memory", str(memory_mib), unit="MiB"),
        _text("vcpu", str(vcpus)),
        _os(layout.firmware, machine or MACHINES[layout.firmware], nvram),
        _node("features", _node("acpi"), _node("apic")),
        _node("clock", offset="utc"),
        _text("on_poweroff", "destroy"),
        _text("on_reboot", "restart"),
        _text("on_crash", "destroy"),
        devices,
        type=domain_type,
    )
    return etree.tostring(domain, pretty_print=True, encoding="unicode")


def _os(firmware: Firmware, machine: str, nvram: Path | None) -> etree._Element:
    system = _node("os", _text("type", "hvm", arch="x86_64", machine=machine))
    if firmware is Firmware.UEFI:
        code, variables = str(emulator.OVMF_CODE), str(emulator.OVMF_VARIABLES)
        system.append(_text("loader", code, readonly="yes", type="pflash"))
        system.append(_text("nvram", str(nvram) if nvram else None, template=variables))
    system.append(_node("boot", dev="hd"))
    if firmware is Firmware.BIOS:
        # What GRUB says on the text screen before its own serial terminal works is seen too.
        system.append(_node("bios", useserial="yes"))
    return system


def _node(tag: str, *children: etree._Element, **attributes: str) -> etree._Element:
    node = etree.Element(tag, attributes)
    node.extend(children)
    return node


def _text(tag: str, text: str | None, **attributes: str) -> etree._Element:
    node = etree.Element(tag, attributes)
    node.text = text
    return node
