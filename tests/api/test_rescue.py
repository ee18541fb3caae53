"""Rescue mode over HTTP on an embedded libvirt, of which the server is the one process.

The rescue image is an owner's ISO whose system does nothing, so that no boot has to be waited for.
"""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from typing import Final

import httpx
import pytest

from tests.api.embedded import Machine, embedded
from tests.api.pages import csrf_of, signed_in
from tests.api.server import V1, Server, ended, events, serving, written
from tests.libvirt.command import Command, until, validated

PASSWORD: Final = "Quiet-Word-5"


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """The stopped instance of an embedded libvirt; nothing runs afterwards."""
    with embedded() as made:
        yield made


@pytest.fixture
def lifebuoy(machine: Machine) -> Command:
    """Its user's command."""
    return machine.command


@pytest.fixture
def uuid(machine: Machine) -> str:
    """Its UUID."""
    return machine.uuid


def entered(client: httpx.Client, uuid: str) -> httpx.Response:
    body = {"password": PASSWORD, "wait": False}
    return client.post(f"{V1}/instances/-/{uuid}/rescue/enter", json=body)


def test_an_instance_enters_and_leaves_and_the_password_is_nowhere(
    machine: Machine, lifebuoy: Command, uuid: str
) -> None:
    before = machine.dump()
    with serving(lifebuoy) as server:
        server.account("root", "admin")
        server.account("ana", "owner")
        instance = f"{V1}/instances/-/{uuid}"
        with server.client(server.key("ana", "read", "act")) as client:
            assert entered(client, uuid).status_code == 404
            with server.client(server.key("root", "administer")) as admin:
                given = admin.put(f"{V1}/accounts/ana/instances/-/{uuid}")
                assert given.status_code == 204, given.text
            weak = client.post(f"{instance}/rescue/enter", json={"password": "12345678"})
            assert (weak.status_code, weak.json()["code"]) == (422, "password-refused")
            answer = entered(client, uuid)
            assert answer.status_code == 202, answer.text
            told = list(events(client, answer.json()["id"]))
            assert told[-2][1]["state"] == "done", told[-2]
            assert "switch the definition" in {step["name"] for step in told[-2][1]["steps"]}
            shown = client.get(instance).json()
            validated(json.dumps(shown["rescue"]), "rescue-status")
            assert (shown["state"], shown["rescue"]["image"]) == ("RESCUE_MODE", "idle")
            allowed = {one["action"] for one in shown["actions"] if one["allowed"]}
            assert "exit-rescue" in allowed and not allowed & {"start", "stop", "reboot"}
            refused = client.post(f"{instance}/reboot")
            assert refused.json()["code"] == "not-allowed"
            found = ended(client, left_by_page(server, uuid))
            assert found["state"] == "done" and found["result"]["differences"] == []
            assert client.get(instance).json()["state"] == "STOPPED"
        assert server.end() == 0
    assert machine.dump() == before
    for content in written(lifebuoy.home):
        assert PASSWORD.encode() not in content


def test_a_server_that_was_killed_goes_on_when_it_is_back(lifebuoy: Command, uuid: str) -> None:
    with serving(lifebuoy) as server:
        with server.client(server.key("ana", "read", "act")) as client:
            made = entered(client, uuid).json()["id"]
        server.end(signal.SIGKILL)
        server.start()
        with server.client(server.key("ana", "read", "act")) as client:
            found = ended(client, made, 120)
            instance = client.get(f"{V1}/instances/-/{uuid}").json()
            # what had not reached the host was put back, what had was finished
            wanted = {"done": "RESCUE_MODE", "failed": "STOPPED"}
            assert instance["state"] == wanted[found["state"]], found
            if found["state"] == "done":
                left = client.post(f"{V1}/instances/-/{uuid}/rescue/exit", json={})
                assert ended(client, left.json()["id"])["state"] == "done"


def test_a_server_that_is_told_to_stop_leaves_the_rest_to_the_next(
    lifebuoy: Command, uuid: str
) -> None:
    with serving(lifebuoy) as server:
        with server.client(server.key("ana", "read", "act")) as client:
            body = {"password": PASSWORD}
            made = client.post(f"{V1}/instances/-/{uuid}/rescue/enter", json=body).json()["id"]
            assert until(lambda: "wait until" in client.get(f"{V1}/operations/{made}").text)
        assert server.end() == 0
        server.start()
        with server.client(server.key("ana", "read", "act")) as client:
            assert until(lambda: attempts(client, made) == 2)
            assert client.post(f"{V1}/operations/{made}/cancel").status_code == 200
            assert ended(client, made)["state"] == "cancelled"
            assert client.get(f"{V1}/instances/-/{uuid}").json()["state"] == "STOPPED"


def attempts(client: httpx.Client, operation: str) -> int:
    """How many processes have worked on it."""
    return int(client.get(f"{V1}/operations/{operation}").json()["attempts"])


def left_by_page(server: Server, uuid: str) -> str:
    """Leave by the console's form, after a look at the page; the operation."""
    page = f"/instances/-/{uuid}"
    with signed_in(server, "ana") as browser:
        shown = browser.get(page).text
        assert '<body class="rescue">' in shown and "This instance is in rescue mode" in shown
        assert "mount /dev/vda1 /mnt/vm1" in shown and "SHA256:" in shown
        assert re.search(r"<button disabled[^>]*>Start</button>", shown)
        assert "so it stays stopped" in browser.get(f"{page}/leave").text
        answer = browser.post(f"{page}/leave", data={"csrf": csrf_of(browser)})
        assert answer.status_code == 303, answer.text
        where = answer.headers["location"]
        assert "Leave rescue mode" in browser.get(where).text
        return str(where.partition("operation=")[2])
