"""Backup points on two hosts that have an instance of the same name: found by their ids."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final

import pytest

from lifebuoy.hypervisor import Domain, connect
from tests.conftest import DAEMON_USER, Daemon, session_daemon
from tests.libvirt.backups import definition, disk, settled, write
from tests.libvirt.command import Command
from tests.libvirt.killing import killed_at

NAME: Final = "twin"


@dataclass(frozen=True)
class Site:
    """A host and its instance."""

    daemon: Daemon
    domain: Domain

    def defined(self) -> str:
        return self.domain.xml(secure=True)


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Site]]:
    """Two daemons of two users; each has an instance with one disk, and a pool for our media."""
    users = {"one": DAEMON_USER, "two": pwd.getpwnam("www-data").pw_uid}
    with ExitStack() as stack:
        found = {}
        for name, user in users.items():
            daemon = stack.enter_context(session_daemon(user))
            daemon.add_pool("media")
            file = disk(daemon.home / "a.qcow2", "qcow2")
            os.chown(file, user, user)
            state = tmp_path_factory.mktemp(name)
            host = stack.enter_context(connect(daemon.uri, state_dir=state, pool="media"))
            found[name] = Site(daemon, settled(host, definition(NAME, {"vda": (file, "qcow2")})))
        yield found


@pytest.fixture(scope="module")
def lifebuoy(sites: dict[str, Site], tmp_path_factory: pytest.TempPathFactory) -> Command:
    """The command of somebody who has named both hosts."""
    command = Command("", tmp_path_factory.mktemp("home"))
    for name, site in sites.items():
        command("host", "add", name, site.daemon.uri, "--pool", "media", "--json").json("host")
    return command


def create(lifebuoy: Command, host: str) -> str:
    """The id of a new point."""
    answer = lifebuoy("backup", "create", f"{host}/{NAME}", "--json")
    return str(answer.json("backup-create")["id"])


def listed(lifebuoy: Command, *words: str) -> Any:
    return lifebuoy("backup", "list", *words, "--json").json("backup-list")


def test_a_point_is_found_on_its_host_by_its_id_alone(
    lifebuoy: Command, sites: dict[str, Site]
) -> None:
    before = {name: site.defined() for name, site in sites.items()}
    ids = {name: create(lifebuoy, name) for name in sites}
    every = listed(lifebuoy)
    assert {one["host"]: one["points"][0]["id"] for one in every["instances"]} == ids
    assert [host["answered"] for host in every["hosts"]] == [True, True]
    (alone,) = listed(lifebuoy, f"two/{NAME}")["instances"]
    assert (alone["host"], alone["points"][0]["id"]) == ("two", ids["two"])
    assert lifebuoy("backup", "verify", f"two/{ids['two']}").status == 0
    with_points = sites["two"].defined()
    restored = lifebuoy("backup", "restore", ids["one"][:7])
    assert restored.status == 0 and f"backup undo one/{NAME}" in restored.err
    assert sites["two"].defined() == with_points
    assert f"undo it: lifebuoy backup undo one/{NAME}" in lifebuoy("backup", "list").err
    for id in ids.values():
        answer = lifebuoy("backup", "delete", id, "--json").json("backup-delete")
        assert (answer["id"], answer["merges_left"]) == (id, 0)
    assert {name: site.defined() for name, site in sites.items()} == before


def test_a_deletion_that_was_cut_off_is_gone_on_with_by_the_id(
    lifebuoy: Command, sites: dict[str, Site]
) -> None:
    site = sites["two"]
    before = site.defined()
    id = create(lifebuoy, "two")
    (overlay,) = site.daemon.home.glob("a.qcow2.lifebuoy-*")
    write(overlay, "qcow2", (7, 0, 4))
    killed_at(lifebuoy, "merge and clean up", "backup", "delete", id, "--yes")
    assert f"lifebuoy backup tidy two/{NAME}" in lifebuoy("backup", "list").err
    answer = lifebuoy("backup", "delete", id[:6], "--json").json("backup-delete")
    assert (answer["id"], answer["merges_left"]) == (id, 0)
    assert site.defined() == before
    assert sorted(path.name for path in site.daemon.home.glob("*lifebuoy*")) == []


@pytest.mark.slow
def test_a_host_that_does_not_answer_is_told_and_may_have_what_begins_so(
    lifebuoy: Command, sites: dict[str, Site]
) -> None:
    id = create(lifebuoy, "one")
    sites["two"].daemon.signal(signal.SIGSTOP)
    try:
        answer = lifebuoy("backup", "list", "--json")
        hosts = {one["name"]: one["answered"] for one in answer.json("backup-list")["hosts"]}
        assert (answer.status, hosts) == (1, {"one": True, "two": False})
        refused = lifebuoy("backup", "restore", id[:5], "--json").error()
        assert refused["code"] == "ambiguous-instance" and f"one/{id}" in refused["hint"]
        assert lifebuoy("backup", "restore", id, "--json").status == 0
        assert lifebuoy("backup", "delete", id, "--json").status == 0
    finally:
        sites["two"].daemon.signal(signal.SIGCONT)


def test_what_is_too_short_is_said_to_be(lifebuoy: Command) -> None:
    assert lifebuoy("backup", "show", "ab", "--json").error()["code"] == "bad-input"


def test_ids_of_all_hosts_are_completed(lifebuoy: Command, sites: dict[str, Site]) -> None:
    ids = [create(lifebuoy, name) for name in sites]
    asked = {
        "_LIFEBUOY_COMPLETE": "complete_bash",
        "COMP_WORDS": "lifebuoy backup show ",
        "COMP_CWORD": "3",
    }
    done = subprocess.run(
        lifebuoy.words(), env=lifebuoy.environment() | asked, capture_output=True, text=True
    )
    assert sorted(done.stdout.split()) == sorted(ids), done.stderr
    for id in ids:
        assert lifebuoy("backup", "delete", id).status == 0
