"""Backup points on real QEMU: what disks read as, what is defined, what is left. By the embedded
driver's plain files, and by a daemon's storage pools."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from lifebuoy.errors import (
    BackupsDrifted,
    CannotBackUp,
    ConsentNeeded,
    LifebuoyError,
    NotAllowed,
)
from lifebuoy.hypervisor import Host, poolxml
from lifebuoy.operations.backup_list import listing
from lifebuoy.operations.backup_verify import verify
from tests.conftest import DAEMON_USER, Daemon
from tests.libvirt.backups import (
    Desk,
    content,
    contents,
    definition,
    disk,
    qemu_img,
    settled,
    sources,
    write,
)

pytestmark = pytest.mark.rotate(2)  # of the drivers

#: Makes a desk over an instance with these disks: format by target.
Desks = Callable[..., Desk]


@pytest.fixture(params=["embedded", "session"])
def desks(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desks]:
    """On a driver; they take turns."""
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
        for other, kept in points.items():
            assert verify(desk.host, other, lambda *_: None).ok
            desk.restore(other)
            assert contents(desk.domain) == kept
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


def test_what_is_not_safe_as_things_are_is_refused_by_name(desks: Desks) -> None:
    desk = desks(vda="qcow2")
    domain, (path, _) = desk.domain, sources(desk.domain)["vda"]
    domain.start(paused=True)
    with pytest.raises(NotAllowed, match="running"):
        desk.create()
    domain._raw.managedSave(0)
    with pytest.raises(CannotBackUp, match="managed save"):
        desk.create()
    domain.drop_managed_save()
    domain._raw.snapshotCreateXML("<domainsnapshot><name>s</name></domainsnapshot>", 0)
    with pytest.raises(CannotBackUp, match="snapshots of libvirt"):
        desk.create()
    domain._raw.snapshotLookupByName("s").delete(0)
    other = desk.host.define(definition("lb-other", {"vda": (Path(path), "qcow2")}))
    try:
        with pytest.raises(CannotBackUp, match="'lb-other'"):
            desk.create()
    finally:
        other.undefine()
    Path(path).rename(path + ".away")
    with pytest.raises(CannotBackUp, match="missing"):
        desk.create()
    Path(path + ".away").rename(path)
    assert left_behind(desk) == []


def test_what_somebody_changed_behind_its_back_is_noticed_and_can_be_put_right(
    desks: Desks,
) -> None:
    desk = desks(vda="qcow2")
    (path, _), defined = sources(desk.domain)["vda"], desk.domain.xml(secure=True)
    point = desk.create()
    switched = desk.domain.xml(secure=True)
    desk.host.define(defined)
    for act in (desk.create, lambda: desk.restore(point), lambda: desk.delete(point)):
        with pytest.raises(BackupsDrifted, match=path):
            act()
    desk.host.define(switched)
    Path(path).touch()
    found = verify(desk.host, point, lambda *_: None)
    assert not found.ok and "written to" in found.files[0].problem
    desk.delete(point)
    assert desk.domain.xml(secure=True) == defined and left_behind(desk) == []


def test_owner_and_mode_are_what_they_were(desks: Desks) -> None:
    desk = desks(vda="raw", vdb="qcow2")
    paths = [Path(source) for source, _ in sources(desk.domain).values()]
    paths[0].chmod(0o640)
    before = [(p.stat().st_uid, p.stat().st_gid, p.stat().st_mode) for p in paths]
    point = desk.create()
    new = [Path(source) for source, _ in sources(desk.domain).values()]
    assert [(p.stat().st_uid, p.stat().st_gid, p.stat().st_mode) for p in new] == before
    desk.domain.start(paused=True)
    desk.domain.destroy()
    desk.delete(point)
    assert [(p.stat().st_uid, p.stat().st_gid, p.stat().st_mode) for p in paths] == before


def test_a_disk_that_names_a_volume_of_a_pool_names_one_all_the_time(
    session_host: Host, daemon: Daemon, tmp_path: Path
) -> None:
    folder = daemon.home / tmp_path.name
    folder.mkdir()
    path = disk(folder / "v.qcow2", "qcow2")
    write(path, "qcow2", (1, 0, 4))
    for one in (folder, path):
        os.chown(one, DAEMON_USER, DAEMON_USER)
    conn = session_host._link.conn
    pool = conn.storagePoolCreateXML(poolxml.directory_pool("lb-pool", str(folder)), 0)
    xml = definition("lb-volume", {"vda": (path, "qcow2")})
    xml = xml.replace("type='file' device", "type='volume' device")
    xml = xml.replace(f"file='{path}'", "pool='lb-pool' volume='v.qcow2'")
    domain = settled(session_host, xml)
    try:
        defined, desk = domain.xml(), Desk(session_host, domain, folder)
        point = desk.create()
        now = domain.xml()
        assert "pool='lb-pool' volume='v.qcow2.lifebuoy-" in now and "file=" not in now
        (overlay,) = folder.glob("*.lifebuoy-*")
        write(overlay, "qcow2", (2, 8, 4))
        desk.restore(point)
        desk.undo()
        desk.delete(point)
        assert domain.xml() == defined and [one.name for one in folder.iterdir()] == ["v.qcow2"]
        assert content(str(path), "qcow2")[8 << 20 : 12 << 20] == bytes([2]) * (4 << 20)
    finally:
        domain.undefine()
        pool.destroy()


def test_a_merge_in_the_middle_waits_for_a_stop_or_for_consent_to_wait(desks: Desks) -> None:
    desk = desks(vda="qcow2")
    defined, points = desk.domain.xml(secure=True), []
    for number in range(3):
        points.append(desk.create())
        desk.write("vda", (number + 50, number, 4))
    desk.restore(points[2])  # two lie over the third now: the one before and the one since
    desk.write("vda", (99, 15, 1))
    before = contents(desk.domain)
    desk.domain.start(paused=True)
    with pytest.raises(ConsentNeeded) as caught:
        desk.delete(points[1])
    assert "--later" in caught.value.hint
    desk.delete(points[1], later=True)
    (listed,) = listing(desk.host, desk.domain.uuid)
    assert listed.merges == 1 and [one.id for one in listed.points] == [points[0], points[2]]
    with pytest.raises(ConsentNeeded):
        desk.tidy()
    desk.domain.destroy()
    assert contents(desk.domain) == before
    desk.tidy()
    assert contents(desk.domain) == before
    assert listing(desk.host, desk.domain.uuid)[0].merges == 0
    desk.undo()
    desk.delete(points[0], points[2])
    assert desk.domain.xml(secure=True) == defined and left_behind(desk) == []
