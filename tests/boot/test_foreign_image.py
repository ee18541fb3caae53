"""An owner's own image that knows nothing of us: no agent, no seed, its own idea of a network.

It is the Debian installer, put on an ISO by GRUB's own tool.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from lab import cache, guest
from lab.layout import Layout
from lifebuoy.hypervisor import Host
from lifebuoy.image import Catalogue
from lifebuoy.model import InstanceState
from lifebuoy.operations.context import Context
from lifebuoy.operations.enter import enter
from lifebuoy.operations.leave import LeaveRequest, leave
from lifebuoy.operations.plan import EnterRequest
from lifebuoy.operations.status import rescue_status
from lifebuoy.rescue import media, record
from tests.boot import machine
from tests.boot.listeners import Notes
from tests.boot.machine import Define

INSTALLER: Final = Path("/usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64")
MENU: Final = """
linux /linux console=ttyS0,115200 DEBIAN_FRONTEND=text
initrd /initrd.gz
boot
"""
BOOT_S: Final = 180.0


@pytest.fixture
def installer_images(tmp_path: Path) -> Catalogue:
    """A catalogue whose one image is the Debian installer."""
    if not INSTALLER.is_dir():
        pytest.skip("needs the package debian-installer-12-netboot-amd64")
    tree = tmp_path / "tree"
    (tree / "boot/grub").mkdir(parents=True)
    (tree / "boot/grub/grub.cfg").write_text(MENU)
    for name in ("linux", "initrd.gz"):
        shutil.copyfile(INSTALLER / name, tree / name)
    iso = tmp_path / "installer.iso"
    subprocess.run(["grub-mkrescue", "-o", iso, tree], check=True, capture_output=True)
    catalogue = Catalogue(tmp_path / "images")
    catalogue.add(iso, image_id="installer", name="Debian installer", sha256=None)
    return catalogue


@pytest.mark.turn(0, 2)
def test_an_image_that_knows_nothing_of_us_is_entered_told_about_and_left(
    embedded: Host, installer_images: Catalogue, define: Define, tmp_path: Path
) -> None:
    context = Context(embedded, installer_images, tmp_path)
    built = guest.get(cache.folder(os.environ), Layout.BIOS, print)
    disk = guest.overlay(built.base, tmp_path / "disk.qcow2")
    domain = define(machine.of_guest(Layout.BIOS, disk, name="foreign"))
    before, disk_before = machine.facts(domain), disk.read_bytes()

    notes = Notes()
    entered = enter(
        context, EnterRequest("foreign", "Quiet-Word-5", image="installer", timeout_s=1), notes
    )
    assert entered.seen is not None and not entered.seen.agent and not entered.seen.ssh
    told = {event.step: event.detail for event in notes.events}
    assert "neither the guest agent nor SSH" in told["wait until it can be logged in to"]
    assert "kept until leaving" in told["take the seed away"]
    seed = media.seed_name(entered.stay.session)
    assert embedded.store.find(seed) is not None, "nobody could see that it was read"
    assert record.state_of(domain, record.read(domain)) is InstanceState.RESCUE_MODE
    with domain.open_serial() as serial:
        serial.read_until(b"Starting system log daemon", BOOT_S)
    status = rescue_status(context, "foreign")
    assert (status.image, status.seed_removed, status.access.serial) == ("installer", False, True)

    left = leave(context, LeaveRequest("foreign"))
    assert left.differences == ()
    assert machine.facts(domain) == before and disk.read_bytes() == disk_before
    assert machine.stay_media(embedded) == []
    embedded.store.remove(installer_images.get().media_name, wipe=False)
