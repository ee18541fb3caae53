"""The lab's guests really boot, and its breakages really keep them from their login."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lab import boot, breaking, cache, guest, root
from lab.breakage import registry
from lab.breaking import Order
from lab.guest import Guest
from lab.layout import Layout
from lab.login import Login, Verdict

SLOW_LAYOUTS = [
    pytest.param(Layout.BIOS, marks=pytest.mark.turn(1, 2)),
    pytest.param(Layout.UEFI, marks=pytest.mark.slow),
    pytest.param(Layout.LVM, marks=pytest.mark.slow),
]


def get(layout: Layout) -> Guest:
    return guest.get(cache.folder(os.environ), layout, print)


def break_guests(layout: Layout, names: list[str], folder: Path) -> dict[str, Path]:
    """A disk for each of the breakages, broken in one boot of the builder."""
    base = get(layout).base
    disks = {name: guest.overlay(base, folder / f"{name}.qcow2") for name in names}
    orders = [Order(name, disk) for name, disk in disks.items()]
    breaking.apply(root.get(cache.folder(os.environ), print), orders, print)
    return disks


def boot_broken(layout: Layout, name: str, disk: Path) -> Login:
    words = registry()[name].last_words
    return boot.to_login(disk, layout.firmware, timeout_s=120, last_words=words)


@pytest.mark.parametrize("layout", SLOW_LAYOUTS)
def test_a_guest_boots_to_a_login_that_accepts_its_password(layout: Layout, tmp_path: Path) -> None:
    built = get(layout)
    disk = guest.overlay(built.base, tmp_path / "disk.qcow2")
    serial, ssh = boot.to_ssh(disk, layout.firmware, host_key=built.facts.host_key)
    assert serial.accepted, serial.last_seen
    assert ssh.accepted, ssh.transcript
    assert ssh.host_key == built.facts.host_key


@pytest.mark.slow
def test_a_wrong_password_does_not_open_a_guest(tmp_path: Path) -> None:
    disk = guest.overlay(get(Layout.BIOS).base, tmp_path / "disk.qcow2")
    seen = boot.to_login(disk, Layout.BIOS.firmware, password="Wrong-guest-1")
    assert seen.verdict is Verdict.REFUSED


@pytest.mark.turn(0, 2)
def test_a_guest_without_grub_files_does_not_boot(tmp_path: Path) -> None:
    (disk,) = break_guests(Layout.BIOS, ["grub_files_gone"], tmp_path).values()
    seen = boot_broken(Layout.BIOS, "grub_files_gone", disk)
    assert seen.verdict is Verdict.NO_LOGIN
    assert "grub rescue>" in seen.last_seen


@pytest.mark.slow
@pytest.mark.parametrize("layout", Layout)
def test_no_breakage_leaves_a_guest_that_reaches_its_login(layout: Layout, tmp_path: Path) -> None:
    names = [
        name
        for name, breakage in registry().items()
        if layout in breakage.layouts - breakage.boots_on
    ]
    disks = break_guests(layout, names, tmp_path)
    seen = {name: boot_broken(layout, name, disk) for name, disk in disks.items()}
    reached = {name for name, login in seen.items() if login.accepted}
    assert reached == set()
    silent = {
        name: seen[name].last_seen
        for name in names
        if registry()[name].last_words and seen[name].seconds > 110
    }
    assert silent == {}, "the last words of these were not heard"
