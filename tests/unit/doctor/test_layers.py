"""RAID, LUKS and LVM as far as bytes tell: what is a range, what must be opened, what is not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from lifebuoy.guest.doctor import ledger, logical, luks, raid
from lifebuoy.guest.doctor.disk import Disk
from lifebuoy.guest.doctor.formats import crypttab, lvm
from lifebuoy.guest.doctor.formats.signature import Signature
from lifebuoy.guest.doctor.layers import Layers
from lifebuoy.guest.doctor.patient import Patient
from lifebuoy.guest.doctor.tree import Tree
from lifebuoy.guest.doctor.volume import LUKS, RAID, Volume
from tests.unit.doctor.test_mdraid import new, old
from tests.unit.doctor.test_mutations import superblock

ENDS: Final = {"1.0": 0, "1.1": 64 * 512, "1.2": 64 * 512, "0.90": 0}
TEXT: Final = """
vg-a {
id = "grp-1"
seqno = 7
extent_size = 8
physical_volumes {
pv0 { id = "pv-a" pe_start = 2048 }
pv1 { id = "pv-b" pe_start = 2048 }
}
logical_volumes {
pieces { id = "lv-1" status = ["READ", "WRITE", "VISIBLE"]
segment1 { start_extent = 0 extent_count = 4 type = "striped"
stripes = ["pv0", 0] }
segment2 { start_extent = 4 extent_count = 2 type = "striped"
stripes = ["pv1", 3] }
}
striped { id = "lv-2" status = ["READ", "WRITE", "VISIBLE"]
segment1 { start_extent = 0 extent_count = 4 type = "striped" stripe_count = 2 stripe_size = 8
stripes = ["pv0", 10, "pv1", 20] }
}
thin { id = "lv-3" status = ["READ", "WRITE", "VISIBLE"]
segment1 { start_extent = 0 extent_count = 4 type = "thin" }
}
thin_tdata { id = "lv-4" status = ["READ", "WRITE"]
segment1 { start_extent = 0 extent_count = 4 type = "striped"
stripes = ["pv0", 9] }
}
gap { id = "lv-5" status = ["READ", "WRITE", "VISIBLE"]
segment1 { start_extent = 1 extent_count = 4 type = "striped"
stripes = ["pv0", 9] }
}
}
}
"""


def mirror(version: str) -> bytes:
    """A member of a mirror that holds an ext file system."""
    raw = bytearray(old() if version == "0.90" else new(version))
    at = ENDS[version] + 1024
    raw[at : at + 1024] = superblock()
    return bytes(raw)


@pytest.fixture
def disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Disk]:
    path = tmp_path / "disk.raw"
    path.write_bytes(mirror(request.param))
    opened = Disk(str(path))
    yield opened
    opened.close()


@pytest.mark.parametrize("disk", ENDS, indirect=True)
def test_a_side_of_a_mirror_is_a_range_for_looking_and_never_for_writing(disk: Disk) -> None:
    with Layers() as layers:
        whole, inner = layers.volumes([disk])
        assert (whole.kind, inner.kind, inner.inside) == (RAID, "ext2", (RAID,))
        assert inner.read(1024, 1024) == superblock()
        assert layers.closed == ()
    with Layers(writable=True) as layers:
        found = layers.volumes([disk])
        assert [one.kind for one in found] == [RAID], "one side alone must not be written"
        (closed,) = layers.closed
        assert closed.kind == RAID and "1 of its 2 disks are not there" in closed.why


@pytest.mark.parametrize("disk", ["1.2"], indirect=True)
def test_of_two_sides_the_one_that_was_written_last_is_read(disk: Disk, tmp_path: Path) -> None:
    behind = tmp_path / "behind.raw"
    behind.write_bytes(new("1.2", [(200, 8, 7)]))
    older = Disk(str(behind))
    try:
        with Layers() as layers:
            inner = layers.volumes([older, disk])[-1]
            assert inner.disk is disk
        (array,) = raid.arrays(layers.volumes([older, disk]))
        assert [volume.disk for volume, _ in array.current] == [disk]
    finally:
        older.close()


def test_pieces_and_stripes_become_a_table_of_the_device_mapper() -> None:
    found = {one.name: one for one in lvm.logical_volumes(TEXT)}
    assert set(found) == {"pieces", "striped", "thin", "gap"}, "internal ones are left out"
    devices = {"pva": "/dev/loop1", "pvb": "/dev/loop2"}
    assert logical.table(found["pieces"], devices) == (
        "0 32 linear /dev/loop1 2048\n32 16 linear /dev/loop2 2072\n"
    )
    assert logical.table(found["striped"], devices) == (
        "0 32 striped 2 8 /dev/loop1 2128 /dev/loop2 2208\n"
    )
    assert found["pieces"].identity == "LVM-grp1lv1"
    assert found["pieces"].mapped == "vg--a-pieces"
    assert "thin" in found["thin"].obstacle and "gaps" in found["gap"].obstacle
    assert lvm.revision(TEXT) == 7


def test_a_name_of_the_guests_crypttab_means_what_it_opens(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "crypttab").write_text(
        "# a comment\nvda1_crypt UUID=abc none luks\nswap /dev/vda9 /dev/urandom swap\n"
    )
    place = tmp_path / "disk.raw"
    place.write_bytes(bytes(4096))
    disk = Disk(str(place))
    outer = Volume(disk, "vda1", 0, 4096, Signature(LUKS, "abc"))
    inner = Volume(disk, "vda1_crypt", 0, 4096, Signature("ext4", "def"), inside=(LUKS,))
    patient = Patient([disk], [outer, inner], "", tree=Tree(str(tmp_path)))
    assert patient.called("/dev/mapper/vda1_crypt") is inner
    assert patient.called("/dev/mapper/swap") is None
    assert patient.is_promised("/dev/mapper/swap") and not patient.is_promised("/dev/mapper/a")
    assert crypttab.parse("\n#\nalone\n") == []
    disk.close()


def test_a_passphrase_given_once_is_tried_on_every_volume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disks = []
    for name in ("one", "two"):
        path = tmp_path / name
        path.write_bytes((b"LUKS\xba\xbe".ljust(168, b"\0") + name.encode()).ljust(8192, b"\0"))
        disks.append(Disk(str(path)))
    tried: list[tuple[str, bytes]] = []

    def refuse(volume: Volume, passphrase: bytes, *rest: object, writable: bool) -> str:
        tried.append((volume.name, passphrase))
        raise luks.WrongPassphrase

    monkeypatch.setattr(luks, "unlocked", refuse)
    given = [b"word"]
    with Layers(ask=lambda what: given.pop() if given else None) as layers:
        layers.volumes(disks)
        assert not layers.unlock()
        assert not layers.unlock(), "what was refused is not asked for again"
        assert [one.why for one in layers.closed] == ["the passphrase does not open it"] * 2
    assert tried == [("one", b"word"), ("two", b"word")]
    for disk in disks:
        disk.close()


def test_a_doctor_at_work_is_left_alone_and_one_that_ended_is_swept(tmp_path: Path) -> None:
    mine = ledger.Ledger(tmp_path / "opened")
    mine.note(ledger.MAPPING, "lifebuoy-not-there")
    ledger.sweep(tmp_path / "opened")
    assert len(list((tmp_path / "opened").iterdir())) == 1
    mine.close()
    assert list((tmp_path / "opened").iterdir()) == []
    (tmp_path / "opened" / "left").write_text("mapping lifebuoy-not-there\nnonsense\n")
    ledger.sweep(tmp_path / "opened")
    assert list((tmp_path / "opened").iterdir()) == []
