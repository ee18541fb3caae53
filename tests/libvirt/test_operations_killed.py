"""A command is killed at a step: the operation is on record, and the next one goes on with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from lifebuoy.hypervisor import Domain, Host
from lifebuoy.model import InstanceState
from lifebuoy.rescue import record
from tests.boot import machine
from tests.conftest import Daemon
from tests.libvirt.command import idle_iso
from tests.libvirt.killing import OnDaemon, killed_at, running

NAME: Final = "orphan"
ENTER: Final = ("rescue", "enter", NAME, "--generate-password", "--timeout", "2")
FORCED: Final = (*ENTER, "--consent-force", "--stop", "hard")


@pytest.fixture
def lifebuoy(daemon: Daemon, tmp_path: Path) -> OnDaemon:
    command = OnDaemon(daemon.uri, tmp_path, str(daemon.home / "share"))
    iso = idle_iso(tmp_path / "idle.iso")
    assert command("image", "add", str(iso), "--id", "idle", "--name", "x").status == 0
    return command


@pytest.fixture
def orphan(session_host: Host) -> Iterator[Domain]:
    domain = machine.settled(session_host, machine.bare(NAME))
    yield domain
    machine.forget(session_host, domain)


def operations(lifebuoy: OnDaemon) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = lifebuoy("operations", "list", "--json").json("operation-list")[
        "operations"
    ]
    return found


def state(domain: Domain) -> InstanceState:
    return record.state_of(domain, record.read(domain))


def rarely(step: str) -> object:
    return pytest.param(step, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    "step",
    [
        rarely("stop the instance"),
        rarely("copy the UEFI variables"),
        "switch the definition",
        rarely("start the rescue system"),
        "wait until it can be logged in to",
        rarely("take the seed away"),
        rarely("finish"),
    ],
)
def test_an_entering_killed_after_the_seed_was_placed_goes_on_to_its_end(
    lifebuoy: OnDaemon, session_host: Host, orphan: Domain, step: str
) -> None:
    orphan.start()
    before = machine.facts(orphan)
    killed_at(lifebuoy, step, *FORCED)
    assert [(one["kind"], one["state"]) for one in operations(lifebuoy)] == [
        ("rescue-enter", "left behind")
    ]
    resumed = lifebuoy("operations", "resume")
    assert resumed.status == 0, resumed.err
    assert "rescue-enter" in resumed.out and "note what was: ok" in resumed.err
    assert state(orphan) is InstanceState.RESCUE_MODE
    (found,) = operations(lifebuoy)
    assert (found["state"], found["attempts"]) == ("done", 2)
    machine.kill(orphan)
    left = lifebuoy("rescue", "exit", NAME, "--watch", "0", "--json").json("rescue-exit")
    assert left["differences"] == [] and machine.facts(orphan) == before
    assert machine.stay_media(session_host) == []


@pytest.mark.parametrize("step", ["note what was", rarely("place the rescue image")])
def test_an_entering_killed_before_the_seed_was_placed_is_put_back(
    lifebuoy: OnDaemon, session_host: Host, orphan: Domain, step: str
) -> None:
    before = machine.facts(orphan)
    killed_at(lifebuoy, step, *ENTER)
    resumed = lifebuoy("operations", "resume")
    assert resumed.status == 1 and "knew the password" in resumed.out
    assert "Everything was put back" in resumed.out
    assert machine.facts(orphan) == before and machine.stay_media(session_host) == []


def test_entering_again_rolls_the_one_that_was_killed_back_first(
    lifebuoy: OnDaemon, session_host: Host, orphan: Domain
) -> None:
    before = machine.facts(orphan)
    killed_at(lifebuoy, "wait until it can be logged in to", *ENTER)
    again = lifebuoy(*ENTER)
    assert again.status == 0 and "is rolled back first" in again.err
    states = [(one["kind"], one["state"]) for one in operations(lifebuoy)]
    assert states == [("rescue-enter", "done"), ("rescue-enter", "cancelled")]
    machine.kill(orphan)
    assert lifebuoy("rescue", "exit", NAME).status == 0
    assert machine.facts(orphan) == before and machine.stay_media(session_host) == []


def test_leaving_makes_up_for_an_entering_that_was_killed(
    lifebuoy: OnDaemon, session_host: Host, orphan: Domain
) -> None:
    orphan.start()
    before, number = machine.facts(orphan), orphan.id
    killed_at(lifebuoy, "stop the instance", *ENTER, "--consent-force", "--stop-timeout", "60")
    left = lifebuoy("rescue", "exit", NAME, "--watch", "0", "--json").json("rescue-exit")
    assert left["was_running"] and left["differences"] == []
    assert orphan.id == number, "it was stopped although it had never been in rescue mode"
    states = [(one["kind"], one["state"]) for one in operations(lifebuoy)]
    assert states == [("rescue-exit", "done"), ("rescue-enter", "closed")]
    assert machine.facts(orphan) == before and machine.stay_media(session_host) == []


@pytest.mark.parametrize(
    "step", ["switch the definition back", rarely("remove the stay's media"), rarely("finish")]
)
def test_a_leaving_killed_goes_on_where_it_was_when_asked_again(
    lifebuoy: OnDaemon, session_host: Host, orphan: Domain, step: str
) -> None:
    before = machine.facts(orphan)
    assert lifebuoy(*ENTER).status == 0
    machine.kill(orphan)
    killed_at(lifebuoy, step, "rescue", "exit", NAME)
    left = lifebuoy("rescue", "exit", NAME)
    assert left.status == 0 and "goes on where it was" in left.err, left.err
    (found, _) = operations(lifebuoy)
    assert (found["kind"], found["state"], found["attempts"]) == ("rescue-exit", "done", 2)
    assert machine.facts(orphan) == before and machine.stay_media(session_host) == []


def test_whoever_asks_while_another_process_works_is_told_which(
    lifebuoy: OnDaemon, session_host: Host, orphan: Domain
) -> None:
    before = machine.facts(orphan)
    with running(lifebuoy, *ENTER[:-1], "60") as process:
        assert process.stderr is not None
        assert any("wait until" in line for line in process.stderr)
        (found,) = operations(lifebuoy)
        for words in (("start", NAME), ("rescue", "exit", NAME), ("operations", "resume")):
            other = lifebuoy(*words)
            if words[0] == "operations":
                assert other.status == 0 and "No operation was left behind" in other.out
            else:
                assert other.status == 5 and found["id"] in other.err, other.err
        cancelled = lifebuoy("operations", "cancel", found["id"], "--json").json("operation")
        assert cancelled["operation"]["state"] == "cancelled"
        assert process.wait(30) == 130
    assert machine.facts(orphan) == before and machine.stay_media(session_host) == []


def test_cancelling_rolls_back_what_a_dead_process_left(
    lifebuoy: OnDaemon, session_host: Host, orphan: Domain
) -> None:
    before = machine.facts(orphan)
    killed_at(lifebuoy, "wait until it can be logged in to", *ENTER)
    (found,) = operations(lifebuoy)
    cancelled = lifebuoy("operations", "cancel", found["id"][:6])
    assert cancelled.status == 0 and "is cancelled" in cancelled.out, cancelled.err
    assert machine.facts(orphan) == before and machine.stay_media(session_host) == []
    again = lifebuoy("operations", "cancel", found["id"], "--json").error()
    assert again["exit_status"] == 3 and "has ended" in again["message"]
