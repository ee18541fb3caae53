"""Backup points on the embedded driver: what disks read as, what is defined, what is left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lifebuoy.hypervisor import Host
from tests.libvirt.backups import Desk, contents, definition, disk, settled, write


@pytest.fixture
def desk(embedded: Host, tmp_path: Path) -> Iterator[Desk]:
    """An instance with a qcow2 and a raw disk that hold something."""
    files = {"vda": (tmp_path / "one.qcow2", "qcow2"), "vdb": (tmp_path / "two.img", "raw")}
    for path, form in files.values():
        write(disk(path, form), form, (1, 0, 4), (2, 8, 2))
    domain = settled(embedded, definition("lb-backup", files))
    yield Desk(embedded, domain, tmp_path)
    domain.destroy()
    domain.undefine(keep_nvram=False)


def test_a_point_is_gone_back_to_block_by_block_and_leaves_no_trace(desk: Desk) -> None:
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
    assert sorted(path.name for path in desk.folder.iterdir()) == ["one.qcow2", "two.img"]
    assert [one.name for one in desk.host.store.list() if "backup" in one.name] == []
