"""The same command with ``--server`` and without: same output, same exit status."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Final

import pytest

from tests.api.disks import with_disks
from tests.api.embedded import Machine, embedded
from tests.api.remote import Remote, remote, same
from tests.api.server import Server, serving
from tests.libvirt.command import Answer, Command

UUID: Final = "6695eb01-f6a4-8304-79aa-97f2502e193f"
PASSWORD: Final = "Quiet-Word-7"

#: Of the play host's instance 'test', which runs.
LOOKS: Final = (
    "list",
    "list --json",
    "show test",
    f"show {UUID} --json",
    "show 1",
    "show TEST",
    "show nobody --json",
    "show ''",
    "rescue list",
    "rescue status test --json",
    "start test",
    "start nobody",
    "stop test --stop hard",
    "rescue exit test",
    "rescue enter test --generate-password --json",
    "rescue enter test --generate-password --consent-force --image none",
    "rescue enter test --dry-run",
    "operations show 000000000000",
    "operations show 0000",
    "operations cancel 0000",
    "operations list --limit 0",
)


#: For an admin alone.
TABLES: Final = (
    "audit test --json",
    "audit",
    "account list",
    "account list --json",
    "account remove nobody",
    "api-key list",
    "api-key list --json",
    "image list",
    "image verify",
    "host list",
    "host check --json",
    "diagnose test --json",
    "doctor test",
    "repair test --yes",
    "repair test --undo",
    "backup list",
    "backup list test --json",
    "backup restore 3f9a",
)


@pytest.fixture(scope="module")
def there(played: Server) -> Remote:
    """An operator's command line that asks the play host's server."""
    found = remote(played, "operator")
    if found("show", "test", "--json").json("instance")["state"] == "STOPPED":
        assert found("start", "test").status == 0
    return found


@pytest.fixture(scope="module")
def admin(played: Server) -> Remote:
    """The command line of somebody who may do everything."""
    return remote(played, "admin", "read", "act", "administer")


def words(line: str) -> list[str]:
    return [word.strip("'") for word in line.split()]


@pytest.mark.parametrize("line", LOOKS)
def test_what_is_told_is_the_same(played: Server, there: Remote, line: str) -> None:
    here = played.command(*words(line))
    assert there(*words(line)) == here
    assert here.out or here.err


@pytest.mark.parametrize("line", TABLES)
def test_what_an_admin_is_told_is_the_same(played: Server, admin: Remote, line: str) -> None:
    # the one that is told first adds to the log: what it adds is told with the other
    assert same(admin(*words(line))) == same(played.command(*words(line)))


def test_accounts_and_keys_are_made_and_given_and_removed(admin: Remote, played: Server) -> None:
    for command in (admin, played.command):
        add = ("account", "add", "guest", "--password-stdin")
        answers = [
            command(*add, stdin=PASSWORD + "\n"),
            command("account", "grant", "guest", "test"),
            command("account", "list", "--json"),
            command("account", "revoke", "guest", "test"),
            command("account", "password", "guest", "--generate-password", "--json"),
            command("api-key", "add", "guest", "--label", "nightly", "--days", "3", "--json"),
        ]
        key = answers[-1].json("api-key")["api_key"]
        assert (key["account"], key["label"], key["scopes"]) == ("guest", "nightly", ["read"])
        assert command("api-key", "remove", key["id"]).status == 0
        assert command("account", "remove", "guest").out == "Account 'guest' is removed.\n"
        assert [one.status for one in answers] == [0] * 6
        given = answers[2].json("account-list")["accounts"]
        (guest,) = [one for one in given if one["name"] == "guest"]
        assert [one["name"] for one in guest["instances"]] == ["test"]
        if command is admin:
            first = [same(one) for one in answers[:5]]
    assert [same(one) for one in answers[:5]] == first


def test_what_is_done_is_told_the_same(played: Server, there: Remote) -> None:
    for line in ("stop test", f"stop {UUID} --json", "stop test --stop hard --consent-force"):
        assert there(*words(line)) == played.command(*words(line))  # whose 'test' runs each time
        assert there("start", "test").out == "'test' is started.\n"
    assert there("reboot", "test", "--json") == played.command("reboot", "test", "--json")


def test_operations_of_a_server_are_shown_as_those_here(played: Server, there: Remote) -> None:
    assert there("reboot", "test").status == 0
    listed = there("operations", "list", "test", "--limit", "5", "--json")
    newest = listed.json("operation-list")["operations"][0]
    assert (newest["kind"], newest["who"], newest["state"]) == ("reboot", "operator", "done")
    for line in (
        f"show {newest['id']}",
        f"show {newest['id'][:6]} --json",
        f"watch {newest['id'][:6]} --json",
        f"watch {newest['id']}",
        f"cancel {newest['id']}",
        "list",
        "list test --json",
        "list nobody",
    ):
        here = played.command("operations", *words(line))
        assert there("operations", *words(line)) == here, line


def test_an_instance_is_asked_for_and_not_waited_for(there: Remote) -> None:
    answer = there("reboot", "test", "--queue")
    assert answer.status == 0 and "waits for a worker: reboot 'test'" in answer.out
    assert f"lifebuoy --server {there.url} operations watch" in answer.err
    (asked,) = re.findall(r"operations watch ([0-9a-f]+)", answer.err)
    assert there("operations", "watch", asked).status == 0  # or the next one finds it busy
    found = there("reboot", "test", "--queue", "--json").json("operation")["operation"]
    assert there("operations", "watch", found["id"]).status == 0


def test_names_are_completed_through_the_server(there: Remote) -> None:
    environment = there.environment() | {
        "_LIFEBUOY_COMPLETE": "complete_bash",
        "COMP_WORDS": "lifebuoy show t",
        "COMP_CWORD": "2",
        "LIFEBUOY_SERVER": there.url,
    }
    script = "from lifebuoy.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.split() == ["test"], done.stderr


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """The stopped instance of an embedded libvirt; nothing runs afterwards."""
    with embedded() as made:
        yield made


def visited(command: Command, *more: str) -> list[Answer]:
    """Into rescue mode, a look, and out."""
    entered = ["rescue", "enter", "vm", "--no-wait", *more]
    return [
        same(command(*entered, "--password-stdin", stdin=PASSWORD + "\n")),
        same(command("rescue", "status", "vm", *more)),
        same(command("rescue", "list", *more)),
        same(command("show", "vm", *more)),
        same(command("start", "vm", *more)),
        same(command("rescue", "exit", "vm", "--watch", "0", *more)),
        same(command("start", "vm", *more)),
        same(command("stop", "vm", "--stop", "hard", "--consent-force", *more)),
        same(command("rescue", "enter", "vm", "--dry-run", *more)),
        same(command("operations", "list", "--limit", "1", *more)),
    ]


@pytest.mark.rotate(2)
@pytest.mark.parametrize("more", [(), ("--json",)], ids=["text", "json"])
def test_rescue_mode_is_told_the_same(machine: Machine, more: tuple[str, ...]) -> None:
    here = visited(machine.command, *more)
    with serving(machine.command) as server:
        server.account(f"root{len(more)}", "admin")
        there = remote(server, f"root{len(more)}")
        assert visited(there, *more)[:-1] == here[:-1]
        if not more:
            watched = there("start", "vm", "--watch", "0.1")
            assert watched.out.startswith("'vm' is started.\nBoot: still booting after 0 s")
            assert there("stop", "vm", "--stop", "hard", "--consent-force").status == 0
        log = server.log.read_text()
    assert [one.status for one in here] == [0, 0, 0, 0, 3, 0, 0, 0, 0, 0]
    assert PASSWORD not in log and there.key not in log
    if more:
        assert json.loads(here[0].out)["state"] == "RESCUE_MODE"


def test_questions_are_asked_as_without_a_server(machine: Machine) -> None:
    word = (PASSWORD + "\n").encode()
    with serving(machine.command) as server:
        server.account("terry", "operator")
        there = remote(server, "terry")
        status, shown = there.at_a_terminal(
            ["rescue", "enter", "vm", "--no-wait"],
            [
                ("Rescue password: ", b"short\n"),
                ("Rescue password: ", word),
                ("Again: ", word),
            ],
        )
        assert status == 0 and "shorter than 8" in shown, shown
        assert PASSWORD not in shown and "'vm' is in rescue mode: it is starting" in shown
        assert there("rescue", "exit", "vm", "--watch", "0").status == 0
        assert there("start", "vm").status == 0
        consent = ("Do you consent to a forced shutdown", b"n\n")
        status, shown = there.at_a_terminal(["rescue", "enter", "vm", "--no-wait"], [consent])
        assert status == 3 and "[consent-needed]" in shown, shown
        yes = ("Do you consent to a forced shutdown?", b"y\n")
        status, shown = there.at_a_terminal(["stop", "vm", "--stop", "hard"], [yes])
        assert status == 0 and "'vm' is stopped" in shown, shown


def kept(command: Command, *more: str) -> list[Answer]:
    """A backup point made, looked at, gone back to and deleted."""
    answers = [command("backup", "create", "vm", "--name", "before", *more)]
    listed = command("backup", "list", "vm", "--json").json("backup-list")
    (point,) = listed["instances"][0]["points"]
    answers += [
        command("backup", "list", *more),
        command("backup", "show", point["id"][:5], *more),
        command("backup", "restore", point["id"][:5], *more),
        command("backup", "list", "vm"),
        command("backup", "undo", "vm", *more),
        command("backup", "delete", point["id"], "--dry-run", *more),
        command("backup", "delete", point["id"][:6], *more),
        command("backup", "list", *more),
        command("backup", "tidy", "vm", *more),
    ]
    return [without_point(same(one), point["id"]) for one in answers]


def without_point(answer: Answer, id_: str) -> Answer:
    """What is to be the same of another point: files are named by it and by their layers."""
    told = [re.sub(r"\b[0-9a-f]{8}\b|\b\d+ s\b", "X", one) for one in (answer.out, answer.err)]
    return Answer(answer.status, *(re.sub(r'"age_s": \d+', '"age_s": X', one) for one in told))


@pytest.mark.rotate(2)
@pytest.mark.parametrize("more", [("--json",), ()], ids=["json", "text"])
def test_backup_points_are_told_the_same(more: tuple[str, ...]) -> None:
    with with_disks() as made:
        here = kept(made.command, *more)
        with serving(made.command) as server:
            server.account("root", "admin")
            there = kept(remote(server, "root"), *more)
    for one, other in zip(there, here, strict=True):
        assert one == other
    assert [one.status for one in here[:-1]] == [0] * (len(here) - 1)
