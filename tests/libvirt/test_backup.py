"""Backup points on real QEMU: what disks read as, what is defined, what is left. By the embedded
driver's plain files, and by a daemon's storage pools."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from lifebuoy.errors import LifebuoyError
from lifebuoy.hypervisor import Host
from lifebuoy.operations.backup_verify import verify
from tests.conftest import DAEMON_USER, Daemon
from tests.libvirt.backups import (
    Desk,
    contents,
    definition,
    disk,
    qemu_img,
    settled,
    sources,
    write,
)

#: Makes a desk over an instance with these disks: format by target.
Desks = Callable[..., Desk]


@pytest.fixture(params=["embedded", "session"])
def desks(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desks]:
    """On each driver in turn."""
    host: Host
    if request.param == "embedded":
        host, folder = request.getfixturevalue("embedded"), tmp_path / "disks"
        folder.mkdir()
    else:
        daemon: Daemon = request.getfixturevalue("daemon")
        host, folder = request.getfixturevalue("session_host"), daemon.home / tmp_path.name
        folder.mkdir()
        os.chown(folder, DAEMON_USER, DAEMON_USER)
    made: list[Desk] = []

    def make(**formats: str) -> Desk:
        files = {target: (folder / f"{target}.img", form) for target, form in formats.items()}
        for number, (path, form) in enumerate(files.values()):
            write(disk(path, form), form, (1 + number, 0, 4), (20 + number, 8, 2))
            if request.param == "session":
                os.chown(path, DAEMON_USER, DAEMON_USER)
        domain = settled(host, definition(f"lb-backup-{len(made)}", files))
        made.append(Desk(host, domain, folder))
        return made[-1]

    yield make
    for desk in made:
        with suppress(LifebuoyError):  # a test may have done it
            desk.domain.destroy()
            desk.domain.undefine(keep_nvram=False)


def left_behind(desk: Desk) -> list[str]:
    """What is there beside the disks: overlays, lists, copies of variables, locks."""
    beside = [path.name for path in desk.folder.iterdir() if "lifebuoy" in path.name]
    return beside + [one.name for one in desk.host.store.list() if one.name.startswith("backup")]


def test_a_point_is_gone_back_to_block_by_block_and_leaves_no_trace(desks: Desks) -> None:
    desk = desks(vda="qcow2", vdb="raw")
    before, defined = contents(desk.domain), desk.domain.xml(secure=True)
    point = desk.create("first")
    desk.write("vda", (3, 1, 8))
    desk.write("vdb", (4, 0, 16))
    later = contents(desk.domain)
    assert later != before

    desk.restore(point)
    assert contents(desk.domain) == before
    desk.undo()
    assert contents(desk.domain) == later
    desk.undo()
    assert contents(desk.domain) == before
    desk.write("vda", (5, 15, 1))
    kept = contents(desk.domain)

    desk.delete(point)
    assert contents(desk.domain) == kept
    assert desk.domain.xml(secure=True) == defined
    assert left_behind(desk) == []


def test_a_copy_is_independent_gone_back_to_and_leaves_no_trace(desks: Desks) -> None:
    desk = desks(vda="qcow2", vdb="raw")
    before, defined = contents(desk.domain), desk.domain.xml(secure=True)
    point = desk.copy()
    assert desk.domain.xml(secure=True) == defined
    desk.write("vda", (3, 1, 8))
    desk.write("vdb", (4, 0, 16))
    later = contents(desk.domain)
    assert verify(desk.host, point, lambda *_: None).ok

    desk.restore(point)
    assert contents(desk.domain) == before
    desk.undo()
    assert contents(desk.domain) == later
    desk.undo()
    desk.write("vdb", (5, 15, 1))
    kept = contents(desk.domain)
    desk.delete(point)
    assert contents(desk.domain) == kept
    assert desk.domain.xml(secure=True) == defined
    assert left_behind(desk) == []


def test_points_and_copies_in_any_order(desks: Desks) -> None:
    desk = desks(vda="raw", vdb="qcow2")
    defined = desk.domain.xml(secure=True)
    points: dict[str, dict[str, bytes]] = {}

    def point(make: Callable[[], str]) -> str:
        points[id := make()] = contents(desk.domain)
        desk.write("vda", (len(points) + 40, len(points), 2))
        desk.write("vdb", (len(points) + 60, 2 * len(points), 3))
        return id

    first, second, third = point(desk.create), point(desk.copy), point(desk.create)
    desk.restore(first)
    assert contents(desk.domain) == points[first]
    fourth = point(desk.create)
    for id in (second, third, first, fourth):
        desk.restore(id)
        assert contents(desk.domain) == points[id]
        assert verify(desk.host, id, lambda *_: None).ok
    for id in (second, first, fourth):
        desk.delete(id)
        points.pop(id)
        for other, content in points.items():
            assert verify(desk.host, other, lambda *_: None).ok
            desk.restore(other)
            assert contents(desk.domain) == content
    desk.delete(third)
    assert contents(desk.domain) == points[third]
    assert desk.domain.xml(secure=True) == defined
    assert left_behind(desk) == []


@pytest.mark.parametrize("copied", [False, True], ids=["frozen", "copied"])
def test_a_disk_over_a_template_keeps_what_it_hides_of_it(desks: Desks, copied: bool) -> None:
    desk = desks(vda="qcow2", vdb="qcow2")
    base, over = (Path(sources(desk.domain)[target][0]) for target in ("vda", "vdb"))
    desk.domain.undefine()
    qemu_img("rebase", "-u", "-f", "qcow2", "-F", "qcow2", "-b", str(base), str(over))
    write(over, "qcow2", (0, 1, 1), (7, 2, 1))  # what the template has at 1 MiB is zeroed
    desk = replace(desk, domain=settled(desk.host, definition("lb-over", {"vda": (over, "qcow2")})))
    try:
        template, before, defined = base.read_bytes(), contents(desk.domain), desk.domain.xml()
        point = desk.copy() if copied else desk.create()
        desk.write("vda", (9, 0, 16))
        desk.restore(point)
        assert contents(desk.domain) == before
        desk.delete(point)
        assert contents(desk.domain) == before and base.read_bytes() == template
        assert desk.domain.xml() == defined and left_behind(desk) == []
    finally:
        desk.domain.undefine()
