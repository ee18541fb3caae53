"""Packages on their way into a machine that runs and out again, on real drives and stores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest

from lifebuoy.errors import HostTrouble, NoSpace, Refused
from lifebuoy.hypervisor import Domain, Host
from lifebuoy.model import Phase, Stay
from lifebuoy.operations.supplying import Brought, Supplying
from lifebuoy.rescue import cdrom, media, packages, record
from lifebuoy.rescue.cdrom import IMAGE_SERIAL, SEED_SERIAL

SESSION: Final = "0123456789abcdef"
NAME: Final = media.packages_name(SESSION)
#: as rescue mode leaves it: the drive of the image, and that of the seed, which is empty
MACHINE: Final = """
<domain type='qemu'>
  <name>{name}</name>
  <memory unit='MiB'>48</memory>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <devices>
    <disk type='file' device='cdrom'><driver name='qemu' type='raw'/>
      <target dev='sda' bus='sata'/><readonly/><serial>{image}</serial></disk>
    <disk type='file' device='cdrom'><driver name='qemu' type='raw'/>{source}
      <target dev='sdb' bus='sata'/><readonly/><serial>{seed}</serial></disk>
    <video><model type='vga'/></video>
  </devices>
</domain>
"""
STAY: Final = Stay(
    phase=Phase.RESCUE,
    session=SESSION,
    since="2026-01-01T00:00:00Z",
    was_running=False,
    autostart=False,
    image="x",
    host_key="",
    original="<domain/>",
    volumes=(media.seed_name(SESSION),),
)


@dataclass(frozen=True)
class Stage:
    """A machine in rescue mode, and a folder of packages."""

    host: Host
    domain: Domain
    folder: Path

    def supplying(self, *more: Path) -> Supplying:
        found = Brought.of(packages.look([self.folder, *more]))
        return Supplying(self.host, self.domain, found)

    def volumes(self) -> tuple[str, ...]:
        stay = record.read(self.domain)
        assert stay is not None
        return stay.volumes

    def left(self) -> tuple[bool, str | None, bool]:
        """Whether the medium is in the store, what is in the drive, whether the record has it."""
        target = cdrom.seed_drive(self.domain.xml(live=True))
        there = self.domain.medium(target) if target else None
        return self.host.store.find(NAME) is not None, there, NAME in self.volumes()


Begin = Callable[..., Stage]


@pytest.fixture(params=["embedded", "session_host"])
def begin(
    request: pytest.FixtureRequest, made: Callable[[Host, str], Domain], tmp_path: Path
) -> Begin:
    """Starts such a machine; ``medium`` is in the drive of the seed."""
    host: Host = request.getfixturevalue(request.param)

    def start(medium: str = "", *, without_drive: bool = False) -> Stage:
        source = f"<source file='{medium}'/>" if medium else ""
        seed = "another" if without_drive else SEED_SERIAL
        xml = MACHINE.format(name="supplied", source=source, seed=seed, image=IMAGE_SERIAL)
        domain = made(host, xml)
        record.write(domain, STAY)
        domain.start()
        folder = tmp_path / "packages"
        folder.mkdir()
        (folder / "x_1_all.deb").write_bytes(b"x" * 5000)
        return Stage(host, domain, folder)

    return start


def hand_over(stage: Stage) -> Supplying:
    supplying = stage.supplying()
    supplying.require()
    supplying.hand_over(lambda _done, _total: None)
    return supplying


def test_packages_are_put_into_the_running_machine_alone_and_taken_away_whole(
    begin: Begin,
) -> None:
    stage = begin()
    before = stage.domain.xml()
    supplying = hand_over(stage)
    stored, medium, recorded = stage.left()
    assert stored and recorded and medium is not None and medium.endswith(f"/{NAME}")
    without_record = stage.domain.xml().replace(f"<lifebuoy:volume>{NAME}</lifebuoy:volume>", "")
    assert _lines(without_record) == _lines(before)
    for _ in range(2):
        supplying.take_away()
        assert stage.left() == (False, None, False)
    assert stage.domain.xml() == before


def test_the_machine_sees_what_was_brought(begin: Begin, tmp_path: Path) -> None:
    stage = begin()
    supplying = stage.supplying()
    medium = supplying.hand_over(lambda _done, _total: None)
    assert medium.inner == 0
    assert "packages.iso" in stage.domain.monitor("info block")
    head = stage.host.store.read_head(NAME)
    (tmp_path / "head").write_bytes(head)
    assert packages.head_sha256(tmp_path / "head") == medium.head_sha256
    supplying.take_away()
    assert "packages.iso" not in stage.domain.monitor("info block")


def test_handing_over_begins_anew_where_it_was_cut_short(begin: Begin) -> None:
    stage = begin()
    stay = replace(STAY, volumes=(*STAY.volumes, NAME))
    record.write(stage.domain, stay)
    stage.host.store.put(NAME, b"half of it", shared=False)
    hand_over(stage)
    supplying = hand_over(stage)
    assert stage.volumes() == stay.volumes
    assert stage.host.store.find(NAME) is not None
    supplying.take_away()
    assert stage.left() == (False, None, False)


def test_what_a_repair_has_left_is_swept_up_with_the_media_of_the_stay(begin: Begin) -> None:
    stage = begin()
    hand_over(stage)
    stage.domain.destroy()
    media.remove(stage.host, stage.volumes())
    assert stage.host.store.find(NAME) is None
    stage.supplying().take_away()
    assert NAME not in stage.volumes()


def test_a_drive_that_is_not_free_is_refused_by_name_and_left_as_it_is(
    begin: Begin, short_dir: Path
) -> None:
    other = short_dir / "others.iso"
    other.write_bytes(bytes(1 << 20))
    other.chmod(0o644)
    short_dir.chmod(0o755)
    stage = begin(str(other))
    with pytest.raises(Refused, match=r"others\.iso") as caught:
        stage.supplying().require()
    assert "change-media supplied sdb --eject" in caught.value.hint
    with pytest.raises(Refused):
        stage.supplying().hand_over(lambda _done, _total: None)
    assert stage.left() == (False, str(other), False)


def test_a_seed_that_was_not_taken_away_keeps_the_drive(begin: Begin, short_dir: Path) -> None:
    seed = short_dir / media.seed_name(SESSION)
    seed.write_bytes(bytes(1 << 20))
    seed.chmod(0o644)
    short_dir.chmod(0o755)
    with pytest.raises(Refused, match="still holds the stay's seed") as caught:
        begin(str(seed)).supplying().require()
    assert "--no-wait" in caught.value.hint


def test_where_the_drive_went_with_the_seed_there_is_a_way_by_hand(begin: Begin) -> None:
    with pytest.raises(Refused, match="no drive for packages") as caught:
        begin(without_drive=True).supplying().require()
    assert "doctor --repair --packages" in caught.value.hint


def test_more_than_the_host_has_room_for_is_refused_with_the_sizes(begin: Begin) -> None:
    stage = begin()
    with (stage.folder / "huge_1_all.deb").open("wb") as file:
        file.truncate(1 << 43)
    with pytest.raises(NoSpace, match=r"8388[0-9]* MiB are needed"):
        stage.supplying().require()
    assert stage.left() == (False, None, False)


def test_one_who_goes_on_elsewhere_or_later_must_have_the_same_packages(begin: Begin) -> None:
    stage = begin()
    supplying = stage.supplying()
    (stage.folder / "y_1_all.deb").write_bytes(b"y")
    with pytest.raises(HostTrouble, match="not as they were"):
        supplying.hand_over(lambda _done, _total: None)
    stage.folder.rename(stage.folder.with_name("elsewhere"))
    with pytest.raises(HostTrouble, match="No such file"):
        supplying.hand_over(lambda _done, _total: None)
    assert stage.left() == (False, None, False)


def _lines(xml: str) -> list[str]:
    return [line.strip() for line in xml.splitlines() if line.strip()]
