"""Ejecting from a drive whose tray the guest's firmware shuts again; a script plays QEMU."""

from __future__ import annotations

import json

import libvirt
import libvirt_qemu
import pytest

from lifebuoy.errors import NotFound, Refused
from lifebuoy.hypervisor import drive

DEFINITION = """
<domain><devices>
  <disk type='file' device='disk'><source file='/d'/><target dev='vda'/></disk>
  <disk type='network' device='cdrom'><source protocol='http' name='x'><host name='h'/></source>
    <backingStore/><target dev='sda' bus='sata'/><readonly/><alias name='sata0-0-0'/></disk>
</devices></domain>
"""


class ShutTray(libvirt.libvirtError):  # type: ignore[misc]
    def get_error_message(self) -> str:
        return "internal error: ... Tray of device 'sata0-0-0' is not open"


class Raw:
    """A domain whose tray is shut until the monitor opens it."""

    def __init__(self) -> None:
        self.opened = 0

    def updateDeviceFlags(self, _xml: str, _flags: int) -> None:
        if not self.opened:
            raise ShutTray("updateDeviceFlags")

    def XMLDesc(self, _flags: int) -> str:
        return DEFINITION

    def monitor(self, _raw: object, command: str, _flags: int) -> str:
        asked = json.loads(command)
        assert asked["arguments"] == {"id": "sata0-0-0", "force": True}
        self.opened += 1
        return "{}"


def test_an_emptied_drive_keeps_all_but_its_medium() -> None:
    disk = drive.emptied(DEFINITION, "sda", "vm")
    assert "source" not in disk and "backingStore" not in disk
    assert 'type="file"' in disk and 'bus="sata"' in disk and "readonly" in disk


def test_only_drives_are_emptied() -> None:
    with pytest.raises(NotFound):
        drive.emptied(DEFINITION, "sdb", "vm")
    with pytest.raises(Refused):
        drive.emptied(DEFINITION, "vda", "vm")


def test_what_is_in_a_drive_is_told_and_nothing_where_libvirt_left_an_empty_source() -> None:
    assert drive.medium(DEFINITION, "sda") == "another medium than a file"
    assert drive.medium(drive.emptied(DEFINITION, "sda", "vm"), "sda") is None
    filled = drive.filled(DEFINITION, "sda", "/a b.iso", "vm")
    whole = f"<domain><devices>{filled}</devices></domain>"
    assert drive.medium(whole, "sda") == "/a b.iso"
    taken_out = whole.replace('file="/a b.iso"', 'index="2" startupPolicy="optional"')
    assert drive.medium(taken_out, "sda") is None


def test_a_drive_on_usb_goes_with_its_medium_others_stay() -> None:
    assert not drive.cannot_be_empty(drive.emptied(DEFINITION, "sda", "vm"))
    on_usb = DEFINITION.replace("bus='sata'", "bus='usb'")
    assert drive.cannot_be_empty(drive.emptied(on_usb, "sda", "vm"))


def test_a_tray_shut_by_the_guest_is_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = Raw()
    monkeypatch.setattr(libvirt_qemu, "qemuMonitorCommand", raw.monitor)
    drive.update(raw, "<disk/>", "sda", 0)
    assert raw.opened == 1
