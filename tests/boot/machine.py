"""The instances that the boot tests rescue, and what of one is compared before and after."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lab import definition
from lab.layout import Layout
from lifebuoy.hypervisor import Domain, Host
from lifebuoy.rescue import media, record

Define = Callable[[str], Domain]

#: The network through which a rescue system is reached.
USER_NETWORK: Final = "<interface type='user'><model type='virtio'/></interface>"
#: Neither disk nor network: it starts in a moment, and nothing in it answers.
_BARE: Final = """
<domain type='qemu'>
  <name>{name}</name>
  <memory unit='MiB'>512</memory>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <features><acpi/></features>
  <on_poweroff>destroy</on_poweroff>
  <devices>{emulator}
    <serial type='pty'/>
    <graphics type='vnc' passwd='vncword1'><listen type='socket'/></graphics>
    <video><model type='vga'/></video>
  </devices>
</domain>
"""


@dataclass(frozen=True)
class Facts:
    """What must be the same after rescue mode as before it."""

    definition: str
    autostart: bool
    runs: bool


def bare(name: str, *, emulator: Path | None = None) -> str:
    """A machine that costs nothing, for what does not depend on the guest."""
    own = f"<emulator>{emulator}</emulator>" if emulator else ""
    return _BARE.format(name=name, emulator=own)


def with_devices(xml: str, *devices: str) -> str:
    """The same machine with these devices, too."""
    return xml.replace("</devices>", "".join(devices) + "</devices>")


def disk(path: Path, target: str, *, bus: str = "virtio", form: str = "raw") -> str:
    """A disk of a machine."""
    return (
        f"<disk type='file' device='disk'><driver name='qemu' type='{form}'/>"
        f"<source file='{path}'/><target dev='{target}' bus='{bus}'/></disk>"
    )


def scratch(path: Path, size_mib: int) -> Path:
    """An empty raw disk of that size."""
    with path.open("wb") as file:
        file.truncate(size_mib << 20)
    return path


def of_guest(layout: Layout, disk: Path, *, name: str, nvram: Path | None = None) -> str:
    """A machine of the lab with the guest on ``disk``."""
    xml = definition.domain_xml(layout, disk, name=name, uuid="", nvram=nvram)
    return xml.replace("<uuid></uuid>", "").replace("<uuid/>", "")


def settled(host: Host, xml: str) -> Domain:
    """Define it so that libvirt prints it from now on as it does after reading its own text."""
    return host.define(host.define(xml).xml(secure=True))


def forget(host: Host, domain: Domain) -> None:
    """Take it and the media of its stay away, however it is."""
    kill(domain)
    stay = record.read(domain)
    media.remove(host, stay.volumes if stay else ())
    domain.undefine(keep_nvram=False)


def qemu_pid(domain: Domain) -> int | None:
    """The process that is the running machine; None where there is none."""
    wanted = f"-uuid\0{domain.uuid}\0".encode()
    for found in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if wanted in found.read_bytes():
                return int(found.parent.name)
        except OSError:
            continue  # it has ended
    return None


def kill(domain: Domain) -> None:
    """End its QEMU as a crash of it would."""
    if (pid := qemu_pid(domain)) is not None:
        os.kill(pid, signal.SIGKILL)
    assert domain.wait_stopped(20)


def facts(domain: Domain) -> Facts:
    """The facts of an instance as it is now, its secrets included."""
    return Facts(domain.xml(secure=True), domain.autostart, domain.active)


def stay_media(host: Host) -> list[str]:
    """What the host's store holds beside rescue images: seeds, variables, locks."""
    return [file.name for file in host.store.list() if not file.name.startswith("rescue-")]
