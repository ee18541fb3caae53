"""No room: refused before anything is touched, or, where it runs out on the way, taken back."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lifebuoy.errors import NoSpace, StepFailed
from lifebuoy.hypervisor import Host
from lifebuoy.operations.backup_list import listing
from lifebuoy.operations.backup_site import Site
from tests.libvirt.backups import MIB, Desk, contents, definition, disk, settled, write

ROOM = 64 * MIB


@pytest.fixture
def small(embedded: Host, tmp_path: Path) -> Iterator[Desk]:
    """An instance whose disks are on a file system of 64 MiB."""
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small file system")
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("cannot mount a small file system here")
    try:
        files = {"vda": (folder / "one.qcow2", "qcow2"), "vdb": (folder / "two.img", "raw")}
        for path, form in files.values():
            write(disk(path, form), form, (1, 0, 12))
        domain = settled(embedded, definition("lb-small-disk", files))
        try:
            yield Desk(embedded, domain, folder)
        finally:
            domain.destroy()
            domain.undefine(keep_nvram=False)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def filled(desk: Desk, left: int) -> Iterator[None]:
    """Only ``left`` bytes are free in the block."""
    found = os.statvfs(desk.folder)
    ballast = desk.folder / "ballast"
    size = found.f_bavail * found.f_frsize - left
    with ballast.open("wb") as out:
        os.posix_fallocate(out.fileno(), 0, size)
    try:
        yield
    finally:
        ballast.unlink()


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The room is taken by somebody else after it was looked for."""
    monkeypatch.setattr(Site, "require_room", lambda *_: None)


def points(desk: Desk) -> list[str]:
    return [point.id for one in listing(desk.host, desk.domain.uuid) for point in one.points]


def overlays(desk: Desk) -> list[str]:
    return sorted(path.name for path in desk.folder.iterdir() if "lifebuoy" in path.name)


def test_what_does_not_fit_is_refused_with_the_numbers(small: Desk) -> None:
    defined = small.domain.xml(secure=True)
    with filled(small, MIB), pytest.raises(NoSpace) as caught:
        small.create()
    assert "MiB free" in caught.value.message
    with filled(small, 16 * MIB), pytest.raises(NoSpace):
        small.copy()
    assert small.domain.xml(secure=True) == defined and points(small) == overlays(small) == []


@pytest.mark.usefixtures("unchecked")
def test_room_that_runs_out_while_a_point_is_made_leaves_all_as_it_was(small: Desk) -> None:
    defined, content = small.domain.xml(secure=True), contents(small.domain)
    with filled(small, 0), pytest.raises(StepFailed) as caught:
        small.create()
    assert "put back" in caught.value.safe
    with filled(small, 14 * MIB), pytest.raises(StepFailed) as caught:
        small.copy()
    assert isinstance(caught.value.cause, NoSpace)
    assert small.domain.xml(secure=True) == defined and contents(small.domain) == content
    assert points(small) == overlays(small) == []


def test_room_that_runs_out_while_files_are_merged_loses_nothing(
    small: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    defined = small.domain.xml(secure=True)
    point = small.create()
    small.write("vdb", (3, 0, 15))
    with filled(small, MIB), pytest.raises(NoSpace):
        small.delete(point)
    assert points(small) == [point]
    with monkeypatch.context() as patched:
        patched.setattr(Site, "require_room", lambda *_: None)
        with filled(small, 0), pytest.raises(StepFailed) as caught:
            small.delete(point)
    content = contents(small.domain)
    assert "reads as before" in caught.value.cause.safe or "read as before" in caught.value.safe
    assert content["vdb"][:MIB] == bytes([3]) * MIB
    small.tidy()
    assert contents(small.domain) == content
    assert small.domain.xml(secure=True) == defined and overlays(small) == []
