"""``lifebuoy backup`` on an embedded libvirt, each a process of its own."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.libvirt.backups import content, definition, disk, write
from tests.libvirt.command import Command, idle_iso
from tests.libvirt.conftest import SHORT_TMP
from tests.libvirt.test_cli_rescue import _DEFINE, _DESTROY, _DUMP

NAME = "vm"


@pytest.fixture(scope="module")
def lifebuoy() -> Iterator[Command]:
    """A user with an embedded libvirt and an instance with two disks."""
    home = Path(tempfile.mkdtemp(prefix="lbc-", dir=SHORT_TMP))
    command = Command(f"qemu:///embed?root={home}/e", home)
    files = {"vda": (home / "a.qcow2", "qcow2"), "vdb": (home / "b.img", "raw")}
    for path, form in files.values():
        write(disk(path, form), form, (1, 0, 4))
    text = definition(NAME, files).replace("<memory unit='MiB'>32<", "<memory unit='MiB'>512<")
    command.python(_DEFINE, stdin=text)
    try:
        yield command
    finally:
        command.python(_DESTROY)
        shutil.rmtree(home)


def test_the_whole_life_of_a_point_at_the_command_line(lifebuoy: Command) -> None:
    defined = lifebuoy.python(_DUMP, NAME)
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
    assert lifebuoy.python(_DUMP, NAME) == defined
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


def test_a_point_made_on_the_way_into_rescue_mode_keeps_the_disks_from_repairs(
    lifebuoy: Command,
) -> None:
    iso = idle_iso(lifebuoy.home / "idle.iso")
    lifebuoy("image", "add", str(iso), "--id", "idle", "--name", "Does nothing", "--json")
    defined = lifebuoy.python(_DUMP, NAME)
    untouched = (lifebuoy.home / "b.img").read_bytes()
    words = ("rescue", "enter", NAME, "--generate-password", "--no-wait", "--backup", "--json")
    lifebuoy(*words).json("rescue-enter")
    (listed,) = lifebuoy("backup", "list", "--json").json("backup-list")["instances"]
    (point,) = listed["points"]
    assert point["name"] == "before rescue mode"
    inside = lifebuoy.python(_DUMP, NAME)
    assert "b.img'" not in inside.replace("&apos;", "'")
    refused = lifebuoy("backup", "delete", point["id"], "--json").error()
    assert refused["code"] == "not-allowed"

    left = lifebuoy("rescue", "exit", NAME, "--force", "--json").json("rescue-exit")
    assert left["differences"] == []
    assert (lifebuoy.home / "b.img").read_bytes() == untouched
    assert lifebuoy.python(_DUMP, NAME) != defined
    lifebuoy("backup", "delete", point["id"], "--json").json("backup-delete")
    assert lifebuoy.python(_DUMP, NAME) == defined


@pytest.mark.slow
def test_the_prompt_recommends_a_point(lifebuoy: Command) -> None:
    words = ["rescue", "enter", NAME, "--generate-password", "--no-wait"]
    status, shown = lifebuoy.at_a_terminal(words, [("first? [Y/n]", b"\n")])
    assert status == 0 and "strongly recommend" in shown and "make a backup point" in shown
    assert lifebuoy("rescue", "exit", NAME, "--force").status == 0
    (listed,) = lifebuoy("backup", "list", "--json").json("backup-list")["instances"]
    for point in listed["points"]:
        assert lifebuoy("backup", "delete", point["id"]).status == 0


@pytest.mark.slow
def test_a_merge_killed_by_the_kernel_is_gone_on_with_by_the_next_call(lifebuoy: Command) -> None:
    defined = lifebuoy.python(_DUMP, NAME)
    id = lifebuoy("backup", "create", NAME, "--json").json("backup-create")["id"]
    (overlay,) = lifebuoy.home.glob("b.img.lifebuoy-*")
    write(overlay, "qcow2", (7, 0, 16))
    words = lifebuoy.words("backup", "delete", id, "--yes")
    said = ""
    with subprocess.Popen(
        words, stderr=subprocess.PIPE, text=True, env=lifebuoy.environment()
    ) as process:
        assert process.stderr
        for line in process.stderr:
            said += line
            if line.startswith("merge and clean up ..."):
                break
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL, said
    answer = lifebuoy("backup", "tidy", NAME)
    assert answer.status == 0 and "was cut short: it is finished first" in answer.err
    assert lifebuoy.python(_DUMP, NAME) == defined
    assert sorted(path.name for path in lifebuoy.home.glob("*lifebuoy*")) == []
    assert content(str(lifebuoy.home / "b.img"), "raw") == bytes([7]) * (16 << 20)
    assert lifebuoy("list", "--json").json("instance-list")["instances"][0]["name"] == NAME
