"""A real guest without a serial port: its boot is watched and diagnosed on its screen alone.

And one of the fonts that it is read with, measured again.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from lxml import etree

from lab import cache, glyphs, guest, native
from lab.layout import Layout
from lifebuoy.doctor.glyphs import fonts
from lifebuoy.hypervisor import connect
from tests.boot import apart, machine
from tests.conftest import SHORT_TMP
from tests.libvirt.command import Command

NAME: Final = "mute"
BOOT_S: Final = 180


class Watched(Command):
    """A boot takes its time in emulation."""

    deadline_s = 300.0


def without_serial(xml: str) -> str:
    """The machine as most people have theirs: a screen and nothing else."""
    root = etree.fromstring(xml)
    for path in ("devices/serial", "devices/console", "os/bios"):
        for element in root.findall(path):
            parent = element.getparent()
            assert parent is not None
            parent.remove(element)
    return etree.tostring(root, encoding="unicode")


def define(folder: Path, form: str) -> None:
    xml = machine.of_guest(Layout.BIOS, folder / "disk", name=NAME)
    with connect(f"qemu:///embed?root={folder}/libvirt", state_dir=folder) as host:
        host.define(without_serial(xml.replace('type="qcow2"', f'type="{form}"')))


def forget(folder: Path) -> None:
    with connect(f"qemu:///embed?root={folder}/libvirt", state_dir=folder) as host:
        for domain in host.domains():
            machine.forget(host, domain)


@contextmanager
def defined(folder: Path, form: str) -> Iterator[Command]:
    (folder / "home").mkdir()
    apart.run(define, folder, form)
    try:
        yield Watched(f"qemu:///embed?root={folder}/libvirt", folder / "home")
    finally:
        apart.run(forget, folder)


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="lbm-", dir=SHORT_TMP))
    yield made
    shutil.rmtree(made)


def base() -> Path:
    return guest.get(cache.folder(os.environ), Layout.BIOS, print).base


def test_grubs_rescue_prompt_on_the_screen_names_the_boot_loader(folder: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, for loop devices and mounts")
    native.raw_copy(base(), folder / "disk")
    native.apply(folder / "disk", "grub_files_gone")
    with defined(folder, "raw") as lifebuoy:
        seen = lifebuoy("start", NAME, "--watch", str(BOOT_S), "--json").json("start")["boot"]
        assert (seen["verdict"], seen["link"]) == ("does not boot", "boot-loader")
        assert seen["last_seen"] == "grub rescue>"
        found = lifebuoy("diagnose", NAME, "--json").json("diagnose")
        assert found["cause"]["link"] == "boot-loader" and found["cause"]["seen_on"] == ["screen"]
        assert found["screen"]["lines"][-1] == "grub rescue>" and not found["reached_login"]


def test_the_text_mode_draws_its_characters_as_they_were_measured() -> None:
    (source,) = (one for one in glyphs.sources() if one.name == "vga")
    with source.start() as display:
        drawn = glyphs.waited(display.screenshot, source.chart, source.layouts)
    (kept,) = (font for font in fonts() if font.name == "vga")
    assert {digest: character for character, digest in drawn.items()} == dict(kept.glyphs)


@pytest.mark.slow
def test_a_login_on_the_screen_is_a_boot_that_reached_it(folder: Path) -> None:
    guest.overlay(base(), folder / "disk")
    with defined(folder, "qcow2") as lifebuoy:
        seen = lifebuoy("start", NAME, "--watch", str(BOOT_S), "--json").json("start")["boot"]
        assert (seen["verdict"], seen["sign"]) == ("reached login", "login on the screen")
        found = lifebuoy("diagnose", NAME, "--json").json("diagnose")
        assert found["reached_login"] and found["cause"] is None
