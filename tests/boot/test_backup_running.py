"""A real guest's disks copied while it runs: its agent holds the file systems still meanwhile."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from lab import cache, guest
from lab.layout import Layout
from lifebuoy.hypervisor import Host
from lifebuoy.operations.backup_verify import verify
from tests.boot import machine
from tests.boot.machine import Define
from tests.libvirt.backups import Desk, contents, qemu_img, sources

BOOT_S = 240.0
AGENT = "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>"


def recovers(disk: str, form: str, folder: Path) -> bool:
    """Whether the root file system of that disk has a journal to be replayed; it must be sound."""
    raw = folder / "look.raw"
    qemu_img("convert", "-f", form, "-O", "raw", disk, str(raw))
    start = next(
        int(line.split()[1])
        for line in _output("sfdisk", "-d", str(raw)).replace("start=", "start= ").splitlines()
        for line in [line.partition(": ")[2].replace(",", "")]
        if line.startswith("start=")
    )
    part = folder / "look.ext4"
    with raw.open("rb") as source, part.open("wb") as out:
        source.seek(start * 512)
        while chunk := source.read(1 << 20):
            out.write(chunk)
    needs = "needs_recovery" in _output("dumpe2fs", "-h", str(part))
    if not needs:
        assert subprocess.run(["e2fsck", "-fn", str(part)], check=False).returncode == 0
    return needs


def _output(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_running_guest_is_copied_with_its_file_systems_held_still(
    embedded: Host, define: Define, tmp_path: Path
) -> None:
    built = guest.get(cache.folder(os.environ), Layout.BIOS, print)
    disk = guest.overlay(built.base, tmp_path / "run.qcow2")
    xml = machine.of_guest(Layout.BIOS, disk, name="lb-live")
    domain = define(machine.with_devices(xml, AGENT))
    defined = domain.xml(secure=True)
    desk = Desk(embedded, domain, tmp_path)
    domain.start()
    assert domain.agent.wait(BOOT_S)

    point = desk.copy()
    assert verify(embedded, point, lambda *_: None).ok
    domain.agent.run(["/bin/sh", "-c", "echo later >/root/later; sync"])
    domain.destroy()
    later = contents(domain)
    (copy,) = tmp_path.glob("*copy.qcow2")
    assert not recovers(str(copy), "qcow2", tmp_path)
    assert recovers(*sources(domain)["vda"], tmp_path)  # which the power cut has left

    desk.restore(point)
    domain.start()
    assert domain.agent.wait(BOOT_S)
    assert domain.agent.run(["/bin/sh", "-c", "test ! -e /root/later"]).status == 0
    desk.delete(point)  # merged and copied back while it runs
    assert domain.agent.run(["/bin/sh", "-c", "echo again >/root/again; sync"]).status == 0
    domain.destroy()
    assert domain.xml(secure=True) == defined and contents(domain) != later
    assert [path.name for path in tmp_path.iterdir() if "lifebuoy" in path.name] == []
