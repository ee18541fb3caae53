"""The whole story: a broken guest runs, is rescued over SSH by what one types, and boots again.

Entered and left by two users who share nothing but the host: the one who leaves has an empty home
and no rescue image. Each part is a process of its own: the embedded libvirt serves one at a time.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from lab import breaking, cache, guest, login, root
from lab.breaking import Order
from lab.layout import Firmware, Layout
from lab.login import Verdict
from lab.root import PASSWORD as OWN_PASSWORD
from lifebuoy.hypervisor import Host, connect
from lifebuoy.image import Catalogue
from lifebuoy.rescue.cdrom import IMAGE_SERIAL, SEED_SERIAL
from lifebuoy.rescue.stay import NAMESPACE
from tests.boot import apart, inside, machine
from tests.conftest import SHORT_TMP
from tests.libvirt.command import Command

NAME: Final = "shop"
PASSWORD: Final = "Rescue-Me-2026"
BOOT_S: Final = 240.0

BY_HAND: Final = """\
mkdir -p /mnt/vm1
mount /dev/vda1 /mnt/vm1
mount -o bind /dev /mnt/vm1/dev
mount -o bind /dev/pts /mnt/vm1/dev/pts
mount -o bind /proc /mnt/vm1/proc
mount -o bind /run /mnt/vm1/run
mount -o bind /sys /mnt/vm1/sys
chroot /mnt/vm1 /bin/bash
grub-install /dev/vda
update-grub
exit
"""
BY_HAND_UEFI: Final = BY_HAND.replace(
    "mount /dev/vda1 /mnt/vm1\n",
    "mount /dev/vda2 /mnt/vm1\nmount /dev/vda1 /mnt/vm1/boot/efi\n",
).replace(
    "grub-install /dev/vda", "grub-install --target=x86_64-efi --no-nvram --force-extra-removable"
)
BY_HELPERS: Final = """\
system-mount
system-chroot grub-install /dev/vda
system-chroot update-grub
system-umount
"""


@dataclass(frozen=True)
class Story:
    """A guest, how it is broken, and what mends it. ``words`` are its last on the serial line."""

    layout: Layout
    breakage: str
    typed: str
    words: bytes

    def __str__(self) -> str:
        return f"{self.layout}-{self.breakage}"


STORIES: Final = (
    Story(Layout.BIOS, "grub_files_gone", BY_HAND, b"grub rescue>"),
    Story(Layout.UEFI, "grub_files_gone", BY_HAND_UEFI, b"grub>"),
    Story(Layout.UEFI, "esp_emptied", BY_HAND_UEFI, b"BdsDxe: failed to load Boot"),
    Story(Layout.LVM, "grub_files_gone", BY_HELPERS, b"grub rescue>"),
    Story(Layout.LVM, "boot_sector_zeroed", BY_HELPERS, b"Booting from Hard Disk"),
)


@dataclass(frozen=True)
class Place:
    """Where a story happens: the folder of its libvirt, disk and homes."""

    folder: Path

    @property
    def uri(self) -> str:
        return f"qemu:///embed?root={self.folder}/libvirt"

    def host(self) -> Host:
        return connect(self.uri, state_dir=self.folder)


def begin(place: Place, story: Story) -> machine.Facts:
    """The broken guest runs; it is seen not to boot."""
    disk = place.folder / "disk.qcow2"
    with place.host() as host:
        domain = machine.settled(host, machine.of_guest(story.layout, disk, name=NAME))
        domain.autostart = True
        domain.start(paused=True)
        with domain.open_serial() as serial:
            domain.resume()
            serial.read_until(story.words, BOOT_S)
        return machine.facts(domain)


def variables(place: Place) -> str:
    """A digest of the guest's UEFI variables; empty where it has none."""
    found = list((place.folder / "libvirt").rglob("*_VARS.fd"))
    return "".join(hashlib.sha256(file.read_bytes()).hexdigest() for file in found)


@dataclass(frozen=True)
class End:
    """What is seen of the instance after leaving."""

    facts: machine.Facts
    own: Verdict
    rescue: Verdict
    media: list[str]
    traces: list[str]


def see_end(place: Place) -> End:
    with place.host() as host:
        domain = host.domain(NAME)
        facts = machine.facts(domain)
        assert domain.forwarded_ssh_port() is None, "a forwarded port is left"
        port = domain.forward_ssh()
        own = login.over_ssh(port, OWN_PASSWORD, timeout_s=BOOT_S)
        rescue = login.over_ssh(port, PASSWORD, timeout_s=60)
        live = domain.xml(live=True)
        traces = [mark for mark in (NAMESPACE, IMAGE_SERIAL, SEED_SERIAL) if mark in live]
        return End(facts, own.verdict, rescue.verdict, machine.stay_media(host), traces)


def forget(place: Place) -> None:
    with place.host() as host:
        for domain in host.domains():
            machine.forget(host, domain)


@pytest.fixture
def place() -> Iterator[Place]:
    folder = Path(tempfile.mkdtemp(prefix="lbs-", dir=SHORT_TMP))
    yield Place(folder)
    apart.run(forget, Place(folder))
    shutil.rmtree(folder)


def user(place: Place, name: str) -> Command:
    home = place.folder / name
    home.mkdir()
    return Command(place.uri, home)


@pytest.mark.parametrize(
    "story",
    [
        # the first in turns with tests/browser/test_self_check.py and two of tests/daemon
        pytest.param(
            story, marks=pytest.mark.slow if number else pytest.mark.turn(0, 4), id=str(story)
        )
        for number, story in enumerate(STORIES)
    ],
)
def test_a_broken_running_guest_is_rescued_and_boots_again(
    place: Place, our_images: Catalogue, story: Story
) -> None:
    built = guest.get(cache.folder(os.environ), story.layout, print)
    disk = guest.overlay(built.base, place.folder / "disk.qcow2")
    breaking.apply(root.get(cache.folder(os.environ), print), [Order(story.breakage, disk)], print)
    before: machine.Facts = apart.run(begin, place, story)
    firmware_before = variables(place)

    owner = user(place, "owner")
    (owner.home / "images").symlink_to(our_images.folder)
    asked = ("rescue", "enter", NAME, "--password-stdin", "--json", "--stop-timeout", "3")
    refused = owner(*asked, stdin=PASSWORD + "\n").error()
    assert refused["code"] == "consent-needed"
    answer = owner(*asked, "--consent-force", stdin=PASSWORD + "\n")
    entered: dict[str, Any] = answer.json("rescue-enter")
    access = entered["access"]
    assert entered["seen"] == {"agent": True, "ssh": True}
    assert PASSWORD not in answer.out + answer.err
    with inside.shell(access["ssh_port"], PASSWORD, host_key=access["host_key"]) as shell:
        assert shell("findmnt -rno TARGET,SOURCE | grep /dev/vd || true") == ""
        assert story.layout.firmware is Firmware.BIOS or shell("test -d /sys/firmware/efi") == ""
        assert "No error reported" in shell.type(story.typed)

    assert variables(place) == firmware_before, "rescue mode wrote to the guest's UEFI variables"
    stranger = user(place, "stranger")
    words = ("rescue", "exit", NAME, "--watch", str(int(BOOT_S)), "--json")
    left = stranger(*words).json("rescue-exit")
    assert left["boot"]["verdict"] == "reached login", left
    assert left["differences"] == []
    end: End = apart.run(see_end, place)
    assert end.facts == before
    assert (end.own, end.rescue) == (Verdict.ACCEPTED, Verdict.REFUSED)
    assert (end.media, end.traces) == ([], [])
