"""Putting a medium into a drive and taking it out, though its tray may shut in the middle."""

from __future__ import annotations

import json
import time
from typing import Any, Final

import libvirt
import libvirt_qemu
from lxml import etree

from lifebuoy.errors import NotFound, Refused
from lifebuoy.hypervisor.translation import message

_DEADLINE_S: Final = 10.0
_PAUSE_S: Final = 0.05
_WITH_A_TRAY: Final = frozenset({"cdrom", "floppy"})
#: what libvirt leaves of the source of a medium that was taken out of a running machine
_OF_NOTHING: Final = frozenset({"index", "startupPolicy"})
_OF_THE_MEDIUM: Final = frozenset({"source", "backingStore", "mirror"})


def emptied(definition: str, target_dev: str, name: str) -> str:
    """The ``<disk>`` of the drive ``target_dev`` in a definition, without its medium. Pure.

    Raises:
        NotFound: no such drive.
        Refused: a disk that is no drive.
    """
    disk = etree.fromstring(definition).find(f"devices/disk/target[@dev='{target_dev}']/..")
    if disk is None:
        raise NotFound(f"'{name}' has no drive '{target_dev}'")
    if disk.get("device") not in _WITH_A_TRAY:
        raise Refused(f"'{target_dev}' of '{name}' is no drive with a medium")
    disk.set("type", "file")  # an empty drive of another type would lack its source
    for child in list(disk):
        if child.tag in _OF_THE_MEDIUM:
            disk.remove(child)
    return etree.tostring(disk, encoding="unicode")


def filled(definition: str, target_dev: str, path: str, name: str) -> str:
    """The ``<disk>`` of that drive with the file ``path`` as its medium. Pure.

    Raises:
        NotFound, Refused: see ``emptied``.
    """
    disk = etree.fromstring(emptied(definition, target_dev, name))
    disk.insert(0, etree.Element("source", file=path))
    return etree.tostring(disk, encoding="unicode")


def medium(definition: str, target_dev: str) -> str | None:
    """The path of the medium in that drive, or what else there is of it; None where it is empty.

    Pure.
    """
    source = etree.fromstring(definition).find(
        f"devices/disk/target[@dev='{target_dev}']/../source"
    )
    if source is None or (set(source.attrib) <= _OF_NOTHING and not len(source)):
        return None
    return str(source.get("file") or "another medium than a file")


def cannot_be_empty(disk: str) -> bool:
    """Whether the drive goes with its medium: QEMU shows a CD-ROM on USB as a stick. Pure."""
    return etree.fromstring(disk).find("target[@bus='usb']") is not None


def update(raw: Any, disk: str, target_dev: str, flags: int) -> None:
    """Change the drive of the raw domain to ``disk``.

    Firmware that resets a drive between the opening of its tray and the removal of its medium
    shuts the tray without telling libvirt, which from then on takes it for open; so the tray is
    opened once more behind libvirt's back. Raises libvirt's own error.
    """
    deadline = time.monotonic() + _DEADLINE_S
    while True:
        try:
            raw.updateDeviceFlags(disk, flags)
            return
        except libvirt.libvirtError as exc:
            if "Tray of device" not in message(exc) or time.monotonic() > deadline:
                raise
        time.sleep(_PAUSE_S)
        _open_tray(raw, target_dev)


def _open_tray(raw: Any, target_dev: str) -> None:
    live = etree.fromstring(raw.XMLDesc(0))
    alias = live.find(f"devices/disk/target[@dev='{target_dev}']/../alias")
    arguments = {"id": "" if alias is None else alias.get("name"), "force": True}
    command = json.dumps({"execute": "blockdev-open-tray", "arguments": arguments})
    libvirt_qemu.qemuMonitorCommand(raw, command, 0)
