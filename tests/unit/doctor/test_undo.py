"""The journal of an undo lies on the guest's disk, so it may say anything."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from lifebuoy.guest.doctor import applying
from lifebuoy.guest.doctor.change import PutFile
from lifebuoy.guest.doctor.packages import deb
from lifebuoy.guest.doctor.patient import Patient
from lifebuoy.guest.doctor.tree import Tree
from lifebuoy.guest.doctor.undo import Store, make_so, state_of


def patient(root: Path) -> Patient:
    return Patient([], [], str(root), tree=Tree(str(root)))


def write(folder: Path, *records: object) -> Store:
    folder.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(record) for record in records]
    (folder / "journal").write_text("\n".join(lines))
    return Store(folder)


def test_what_was_there_comes_back_with_its_mode_and_time(tmp_path: Path) -> None:
    store, path = Store(tmp_path / "undo"), tmp_path / "file"
    path.write_text("old")
    path.chmod(0o640)
    os.utime(path, ns=(5, 5))
    state = state_of(path, store)
    path.write_text("new")
    path.chmod(0o600)
    make_so(path, state, store)
    found = path.stat()
    assert path.read_text() == "old"
    assert (found.st_mode & 0o777, found.st_mtime_ns) == (0o640, 5)


def test_what_was_not_there_goes_again(tmp_path: Path) -> None:
    store, path = Store(tmp_path / "undo"), tmp_path / "file"
    state = state_of(path, store)
    path.write_text("new")
    make_so(path, state, store)
    assert not path.exists()


def test_a_hostile_journal_cannot_write_outside_the_root(tmp_path: Path) -> None:
    root, ours = tmp_path / "root", tmp_path / "ours"
    root.mkdir()
    ours.write_text("ours")
    (root / "out").symlink_to(tmp_path)
    absent = {"type": "absent"}
    store = write(
        root / "undo",
        {"kind": "path", "path": "/../ours", "before": absent},
        {"kind": "path", "path": f"{ours}", "before": absent},
        {"kind": "path", "path": "/out/ours", "before": absent},
        {"kind": "blocks", "disk": str(ours), "offset": 0, "before": "x"},
        {"kind": "path", "path": "/a", "before": "rubbish"},
        {"kind": "path"},
        [],
    )
    assert applying.undo(patient(root), store)
    assert ours.read_text() == "ours"


def test_a_saved_file_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "undo").mkdir(parents=True)
    (tmp_path / "secret").write_text("secret")
    (root / "undo/saved").symlink_to(tmp_path / "secret")
    before = {"type": "file", "saved": "saved", "mode": 0o644, "uid": 0, "gid": 0, "times": [0, 0]}
    store = write(root / "undo", {"kind": "path", "path": "/stolen", "before": before})
    assert applying.undo(patient(root), store)
    assert not (root / "stolen").exists()


def test_a_journal_that_is_a_pipe_does_not_hang(tmp_path: Path) -> None:
    (tmp_path / "undo").mkdir()
    os.mkfifo(tmp_path / "undo/journal")
    with pytest.raises(OSError, match="no file of ours"):
        Store(tmp_path / "undo")


def test_what_is_written_into_etc_leaves_beside_it_what_was_there(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "var").mkdir()
    for name in ("etc/own", "etc/same", "etc/empty", "var/own"):
        (root / name).write_text({"own": "mine", "same": "new", "empty": ""}[Path(name).name])
    store = Store(tmp_path / "undo")
    applier = applying.Applier(patient(root), store, deb.Sources(), "run")
    for name in ("own", "same", "empty", "fresh"):
        applier.apply("some-id", [PutFile(f"/etc/{name}", b"new")])
    applier.apply("some-id", [PutFile("/etc/own", b"newer"), PutFile("/var/own", b"new")])
    assert {path.name: path.read_text() for path in (root / "etc").iterdir()} == {
        "own": "newer",
        "own.before-run": "mine",
        "same": "new",
        "empty": "new",
        "fresh": "new",
    }
    assert [path.name for path in (root / "var").iterdir()] == ["own"]
