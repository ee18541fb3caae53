"""``lifebuoy backup`` on an embedded libvirt, each a process of its own."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.libvirt.backups import definition, disk, write
from tests.libvirt.command import Command
from tests.libvirt.conftest import SHORT_TMP
from tests.libvirt.test_cli_rescue import _DEFINE, _DESTROY, _DUMP, python

NAME = "vm"


@pytest.fixture(scope="module")
def lifebuoy() -> Iterator[Command]:
    """A user with an embedded libvirt and an instance with two disks."""
    home = Path(tempfile.mkdtemp(prefix="lbc-", dir=SHORT_TMP))
    command = Command(f"qemu:///embed?root={home}/e", home)
    files = {"vda": (home / "a.qcow2", "qcow2"), "vdb": (home / "b.img", "raw")}
    for path, form in files.values():
        write(disk(path, form), form, (1, 0, 4))
    python(command, _DEFINE, stdin=definition(NAME, files))
    try:
        yield command
    finally:
        python(command, _DESTROY)
        shutil.rmtree(home)


def test_the_whole_life_of_a_point_at_the_command_line(lifebuoy: Command) -> None:
    defined = python(lifebuoy, _DUMP, NAME)
    assert "no backup points" in lifebuoy("backup", "list").out
    made = lifebuoy("backup", "create", NAME, "--name", "first one", "--json").json("backup-create")
    id = made["id"]
    second = lifebuoy("backup", "create", NAME)
    assert second.status == 0 and "lifebuoy" in second.err and "backup restore" in second.err

    (listed,) = lifebuoy("backup", "list", "--json").json("backup-list")["instances"]
    assert [point["name"] for point in listed["points"]] == ["first one", ""]
    assert listed["points"][1]["depends"] == [id]
    shown = lifebuoy("backup", "list", NAME).out
    assert "first one" in shown and "frozen" in shown and "AGE" in shown and "SIZE" in shown
    details = lifebuoy("backup", "show", id[:4], "--json").json("backup-show")
    assert details["id"] == id and len(details["files"]) == 2
    assert "the instance's own" in lifebuoy("backup", "show", id).out
    assert lifebuoy("backup", "verify", id, "--json").json("backup-verify")["ok"]

    restored = lifebuoy("backup", "restore", id[:6], "--json").json("backup-restore")
    assert restored["id"] == id
    assert "undo it" in lifebuoy("backup", "list").err
    lifebuoy("backup", "undo", NAME, "--json").json("backup-restore")

    plan = lifebuoy("backup", "delete", id, "--dry-run", "--json").json("backup-dry-run")
    assert plan["merges"] and not plan["definition_as_before"]
    assert "Nothing was changed" in lifebuoy("backup", "delete", id, "--dry-run").err
    for point in listed["points"]:
        answer = lifebuoy("backup", "delete", point["id"], "--json").json("backup-delete")
        assert answer["merges_left"] == 0
    assert python(lifebuoy, _DUMP, NAME) == defined
    assert sorted(path.name for path in lifebuoy.home.glob("*lifebuoy*")) == []


def test_a_quota_is_kept_to_unless_the_oldest_may_go(lifebuoy: Command) -> None:
    asked = lifebuoy("backup", "quota", NAME, "--points", "1", "--json").json("backup-quota")
    assert asked["points"] == 1
    lifebuoy("backup", "create", NAME, "--json").json("backup-create")
    assert lifebuoy("backup", "create", NAME, "--json").error()["code"] == "quota-exceeded"
    kept = lifebuoy("backup", "create", NAME, "--keep", "1", "--json").json("backup-create")
    (listed,) = lifebuoy("backup", "list", NAME, "--json").json("backup-list")["instances"]
    assert [point["id"] for point in listed["points"]] == [kept["id"]]
    lifebuoy("backup", "delete", kept["id"], "--json").json("backup-delete")
    assert lifebuoy("backup", "quota", NAME, "--points", "0").out.split()[1:3] == ["any", "number"]


def test_what_is_not_there_is_not_found(lifebuoy: Command) -> None:
    for words in (["show"], ["restore"], ["delete"], ["verify"]):
        error = lifebuoy("backup", *words, "abcdef", "--json").error()
        assert error["code"] == "backup-point-not-found" and "backup list" in error["hint"]
    assert lifebuoy("backup", "undo", NAME, "--json").error()["exit_status"] == 4
    assert lifebuoy("backup", "tidy", NAME, "--json").error()["exit_status"] == 3
