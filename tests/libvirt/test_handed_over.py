"""Entering that others go on with: left to a worker on purpose, by users of other homes.

The worker has nothing of the asker's but the database and the host: no password, no rescue image.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from lifebuoy.cli import durable
from lifebuoy.cli.session import Session
from lifebuoy.hypervisor import Domain, Host
from lifebuoy.model import InstanceState, StopMode
from lifebuoy.operations import asking, observing
from lifebuoy.operations.enter import ENTER, packed
from lifebuoy.operations.plan import EnterRequest
from lifebuoy.rescue import record
from lifebuoy.store import open_database, schema
from tests.boot import machine
from tests.conftest import Daemon
from tests.libvirt.command import idle_iso, until
from tests.libvirt.killing import OnDaemon, killed_at, running

NAME: Final = "handed"
PASSWORD: Final = "Quiet-Word-5"
KEY: Final = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMtHGZRVMs/yZLbWJQbfbHMC5sLJmyDTj0TGdd5p4hxo me"
ENTER_WORDS: Final = ("rescue", "enter", NAME, "--timeout", "2")


@dataclass(frozen=True)
class Sharing(OnDaemon):
    """One who has a home of their own and shares a database."""

    database: str = ""

    def environment(self) -> dict[str, str]:
        return super().environment() | {"LIFEBUOY_DATABASE": f"sqlite:///{self.database}"}

    def operation(self) -> dict[str, Any]:
        """The last one on record."""
        found = self("operations", "list", "--json").json("operation-list")["operations"]
        last: dict[str, Any] = found[0]
        return last


@pytest.fixture
def asker(daemon: Daemon, tmp_path: Path) -> Sharing:
    """Has an image that does nothing."""
    made = _with_home(daemon, tmp_path, "asker")
    iso = idle_iso(tmp_path / "idle.iso")
    assert made("image", "add", str(iso), "--id", "idle", "--name", "x").status == 0
    return made


@pytest.fixture
def other(daemon: Daemon, tmp_path: Path) -> Sharing:
    """Has nothing."""
    return _with_home(daemon, tmp_path, "other")


def _with_home(daemon: Daemon, folder: Path, name: str) -> Sharing:
    (folder / name).mkdir()
    shared = str(folder / "shared.sqlite")
    return Sharing(daemon.uri, folder / name, str(daemon.home / "share"), shared)


@pytest.fixture
def handed(session_host: Host, asker: Sharing) -> Any:
    domain = machine.settled(session_host, machine.bare(NAME))
    yield domain
    if record.read(domain):
        machine.kill(domain)
        assert asker("rescue", "exit", NAME, "--watch", "0").status == 0
    machine.forget(session_host, domain)


def state(domain: Domain) -> InstanceState:
    return record.state_of(domain, record.read(domain))


def test_a_worker_without_password_and_image_does_an_entering_that_was_left_to_it(
    asker: Sharing, other: Sharing, session_host: Host, handed: Domain, tmp_path: Path
) -> None:
    handed.start()
    before = machine.facts(handed)
    key = tmp_path / "key.pub"
    key.write_text(KEY)
    words = ("--password-stdin", "--ssh-key", str(key), "--consent-force", "--stop", "hard")
    told = asker(*ENTER_WORDS, *words, "--queue", "--json", stdin=PASSWORD + "\n")
    asked = told.json("operation")["operation"]
    assert (asked["kind"], asked["state"], asked["attempts"]) == ("rescue-enter", "left behind", 1)
    assert [step["state"] for step in asked["steps"]] == ["done"] * 3
    assert state(handed) is InstanceState.ENTER_RESCUE_MODE and handed.active
    with running(other, "worker"):
        assert until(lambda: other.operation()["state"] == "done", 60), other.operation()
    assert other.operation()["attempts"] == 2 and other.operation()["id"] == asked["id"]
    assert state(handed) is InstanceState.RESCUE_MODE
    for part in (PASSWORD, "$6$", KEY.split()[1], "PRIVATE KEY"):
        for file in tmp_path.glob("shared.sqlite*"):
            assert file.is_dir() or part.encode() not in file.read_bytes()
    machine.kill(handed)
    left = other("rescue", "exit", NAME, "--watch", "0", "--json").json("rescue-exit")
    assert left["differences"] == [] and machine.facts(handed) == before
    assert machine.stay_media(session_host) == []


def test_what_was_left_to_a_worker_can_be_taken_back(
    asker: Sharing, session_host: Host, handed: Domain
) -> None:
    before = machine.facts(handed)
    told = asker(*ENTER_WORDS, "--generate-password", "--queue")
    assert told.status == 0 and "(shown this once)" in told.out and "waits for a worker" in told.out
    removed = asker("image", "remove", "idle", "--host", "--json")
    assert f"in use on the host by: {NAME}" in removed.error()["message"]
    assert asker("operations", "cancel", asker.operation()["id"]).status == 0
    assert machine.facts(handed) == before and machine.stay_media(session_host) == []
    made_up = asker(*ENTER_WORDS, "--generate-password", "--queue", "--json").json("operation")
    assert len(made_up["password"]) >= 8
    assert asker("rescue", "exit", NAME, "--json").json("rescue-exit")["differences"] == []
    assert machine.facts(handed) == before and machine.stay_media(session_host) == []


def test_what_waits_for_a_worker_is_not_told_of_as_stranded(
    asker: Sharing, session_host: Host, handed: Domain, tmp_path: Path
) -> None:
    assert asker(*ENTER_WORDS, "--generate-password", "--queue").status == 0
    told = {}
    for name in ("shared", "other"):
        database = open_database(f"sqlite:///{tmp_path / name}.sqlite")
        schema.prepare(database)
        told[name] = [one.detail for one in observing.look(database, session_host)]
    assert told["shared"] == []
    assert any("nobody is at work" in words for words in told["other"])


def test_a_script_is_not_left_to_a_worker(asker: Sharing, handed: Domain, tmp_path: Path) -> None:
    (tmp_path / "script").write_text("true\n")
    words = ("--generate-password", "--queue", "--run", str(tmp_path / "script"), "--json")
    assert "not left lying about" in asker(*ENTER_WORDS, *words).error()["message"]
    assert state(handed) is InstanceState.STOPPED


def test_one_who_has_no_image_goes_on_where_the_host_has_it(
    asker: Sharing, other: Sharing, session_host: Host, handed: Domain
) -> None:
    before = machine.facts(handed)
    killed_at(asker, "switch the definition", *ENTER_WORDS, "--generate-password")
    resumed = other("operations", "resume")
    assert resumed.status == 0, resumed.err
    assert state(handed) is InstanceState.RESCUE_MODE
    machine.kill(handed)
    assert other("rescue", "exit", NAME, "--watch", "0").status == 0
    assert machine.facts(handed) == before and machine.stay_media(session_host) == []


def test_where_neither_the_host_nor_who_goes_on_has_the_image_it_is_put_back(
    asker: Sharing, other: Sharing, session_host: Host, handed: Domain
) -> None:
    before = machine.facts(handed)
    for file in session_host.store.list():
        session_host.store.remove(file.name, wipe=False)
    killed_at(asker, "note what was", *ENTER_WORDS, "--generate-password")
    resumed = other("operations", "resume")
    assert resumed.status == 1 and "Everything was put back" in resumed.out
    error = other.operation()["error"]
    assert f"neither the host nor {os.uname().nodename} has the rescue" in error["message"]
    assert "the same images" in error["hint"]
    assert machine.facts(handed) == before and machine.stay_media(session_host) == []


def test_an_entering_that_nobody_knows_the_password_of_does_not_begin(
    asker: Sharing, handed: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = machine.facts(handed)
    for name, value in asker.environment().items():
        monkeypatch.setenv(name, value)
    session = Session(asker.uri)
    request = packed(EnterRequest(NAME, "", stop=StopMode.HARD, timeout_s=2))
    with session.instance(NAME) as (context, name):
        domain = context.host.domain(name)
        asking.submit(durable.database(session), context, ENTER, domain, request, "test")
    with running(asker, "worker"):
        assert until(lambda: asker.operation()["state"] == "failed", 60), asker.operation()
    assert "knew the password" in asker.operation()["error"]["message"]
    assert machine.facts(handed) == before
