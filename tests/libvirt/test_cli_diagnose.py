"""``lifebuoy diagnose`` of a machine without a serial port: what its screen shows."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from lifebuoy.hypervisor import connect
from tests.boot import apart
from tests.conftest import SHORT_TMP
from tests.libvirt.command import Command

BOOT_S: Final = 90
#: Its firmware finds an empty disk and says so, on its screen alone.
SILENT: Final = """
<domain type='qemu'>
  <name>silent</name>
  <memory unit='MiB'>48</memory>
  <os><type arch='x86_64' machine='pc'>hvm</type><boot dev='hd'/></os>
  <features><acpi/></features>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw'/><source file='{disk}'/><target dev='hda' bus='ide'/>
    </disk>
    {video}
  </devices>
</domain>
"""
VIDEO: Final = "<graphics type='vnc'><listen type='none'/></graphics><video/>"


def define(folder: Path, video: str) -> None:
    with (folder / "disk").open("wb") as file:
        file.truncate(1 << 20)
    with connect(f"qemu:///embed?root={folder}/libvirt", state_dir=folder) as host:
        host.define(SILENT.format(disk=folder / "disk", video=video))


def forget(folder: Path) -> None:
    with connect(f"qemu:///embed?root={folder}/libvirt", state_dir=folder) as host:
        for domain in host.domains():
            domain.destroy()
            domain.undefine(keep_nvram=False)


@pytest.fixture
def silent() -> Iterator[Command]:
    folder = Path(tempfile.mkdtemp(prefix="lbs-", dir=SHORT_TMP))
    (folder / "home").mkdir()
    apart.run(define, folder, VIDEO)
    yield Command(f"qemu:///embed?root={folder}/libvirt", folder / "home")
    apart.run(forget, folder)
    shutil.rmtree(folder)


def diagnosed(lifebuoy: Command) -> Any:
    """The first diagnosis that knows a cause, or the last in time."""
    deadline = time.monotonic() + BOOT_S
    while True:
        found = lifebuoy("diagnose", "silent", "--json").json("diagnose")
        if found["cause"] or time.monotonic() > deadline:
            return found
        time.sleep(1)


def test_a_machine_without_a_serial_port_is_diagnosed_from_its_screen(silent: Command) -> None:
    error = silent("diagnose", "silent", "--json").error()
    assert error["code"] == "not-found" and "does not run" in error["message"]
    silent("start", "silent", "--json").json("start")
    found = diagnosed(silent)
    assert found["cause"]["id"] == "nothing-to-boot" and found["cause"]["link"] == "firmware"
    assert found["cause"]["seen_on"] == ["screen"] and found["file"] is None
    assert found["screen"]["state"] == "text" and "No bootable device." in found["screen"]["lines"]
    shown = silent("diagnose", "silent")
    assert "on its screen: " in shown.out and "no serial log" in shown.err
    assert silent("list", "--json").json("instance-list")["instances"][0]["state"] == "RUNNING"
