"""Backup points on a system daemon, by an unprivileged member of the group libvirt."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lab.layout import Layout
from tests.daemon.guests import FOLDER, Guests
from tests.daemon.machine import Machine
from tests.daemon.member import Member

NAME = "keep1"
DISK = f"{FOLDER}/{NAME}.qcow2"


def pattern(host: Machine, path: str, number: int, at: str = "0", form: str = "qcow2") -> None:
    host.as_root("qemu-io", "-f", form, "-c", f"write -q -P {number} {at} 4M", path)


def active(host: Machine) -> str:
    return host.virsh("domblklist", NAME).split()[1]


def holds(host: Machine, number: int, at: str = "0") -> bool:
    words = host.words(None, "qemu-io", "-r", "-f", "qcow2", "-c", f"read -P {number} {at} 4M")
    done = subprocess.run([*words, active(host)], capture_output=True, text=True, check=False)
    return done.returncode == 0 and "verification failed" not in done.stdout


def access(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_uid, found.st_gid, found.st_mode


def names(host: Machine) -> list[str]:
    return sorted(path.name for path in host.path(FOLDER).iterdir() if NAME in path.name)


@pytest.mark.turn(1, 2)
def test_a_member_makes_goes_back_to_and_deletes_points(
    host: Machine, idle: Member, guests: Guests
) -> None:
    disk = guests.blank(NAME)
    disk.chmod(0o640)
    pattern(host, DISK, 1)
    defined = guests.define(Layout.UEFI, disk)
    host.virsh("start", NAME)  # makes its variables, and labels the disk
    host.virsh("destroy", NAME)
    variables = host.path(f"/var/lib/libvirt/qemu/nvram/{NAME}_VARS.fd")
    own, untouched = access(disk), variables.read_bytes()

    first = idle("backup", "create", NAME, "--name", "first", "--json").json("backup-create")["id"]
    assert guests.definition(NAME) != defined and active(host) != DISK
    assert access(host.path(active(host)))[2] == own[2]
    pattern(host, active(host), 2)
    variables.write_bytes(bytes(len(untouched)))
    copy = idle("backup", "create", NAME, "--copy", "--json").json("backup-create")["id"]
    idle("backup", "restore", first, "--json").json("backup-restore")
    assert holds(host, 1) and variables.read_bytes() == untouched
    host.virsh("start", NAME)  # libvirt gives the files of the chain to its QEMU
    host.virsh("destroy", NAME)
    idle("backup", "undo", NAME, "--json").json("backup-restore")
    assert holds(host, 2) and variables.read_bytes() == bytes(len(untouched))
    for point in (first, copy):
        answer = idle("backup", "verify", point, "--json")
        assert answer.json("backup-verify")["ok"], answer.out
    idle("backup", "delete", first, "--json").json("backup-delete")
    assert holds(host, 2)
    idle("backup", "restore", copy, "--json").json("backup-restore")
    assert holds(host, 2)
    idle("backup", "delete", copy, "--json").json("backup-delete")
    assert holds(host, 2) and guests.definition(NAME) == defined and active(host) == DISK
    assert access(disk) == own
    assert names(host) == [f"{NAME}.qcow2"]
    assert [one for one in guests.stay_media() if "backup" in one] == []
    pools = host.virsh("pool-list", "--all", "--name").split()
    assert [one for one in pools if one.startswith("lifebuoy-")] == []


@pytest.mark.turn(0, 2)
def test_a_running_instance_has_its_points_deleted_while_it_runs(
    host: Machine, idle: Member, guests: Guests
) -> None:
    disk = guests.blank(NAME)
    pattern(host, DISK, 1)
    defined = guests.define(Layout.BIOS, disk)
    ids = []
    for number in (2, 3):
        ids.append(idle("backup", "create", NAME, "--json").json("backup-create")["id"])
        pattern(host, active(host), number, f"{number * 8}M")
    host.virsh("start", NAME)
    refused = idle("backup", "create", NAME, "--json").error()
    assert refused["code"] == "not-allowed" and "--copy" in refused["hint"]
    assert idle("backup", "restore", ids[0], "--json").error()["code"] == "not-allowed"
    refused = idle("backup", "create", NAME, "--copy", "--json").error()
    assert refused["code"] == "cannot-back-up" and "--no-freeze" in refused["hint"]

    live = idle("backup", "create", NAME, "--copy", "--no-freeze", "--json").json("backup-create")
    assert idle("backup", "verify", live["id"], "--json").json("backup-verify")["ok"]
    for id in (ids[0], ids[1], live["id"]):
        found = idle("backup", "delete", id, "--json").json("backup-delete")
        assert found["merges_left"] == 0
    assert host.virsh("domstate", NAME).strip() == "running"
    assert host.virsh("domblklist", NAME).split()[1] == DISK
    host.virsh("destroy", NAME)
    assert guests.definition(NAME) == defined
    assert holds(host, 1) and holds(host, 2, "16M") and holds(host, 3, "24M")
    assert names(host) == [f"{NAME}.qcow2"]
