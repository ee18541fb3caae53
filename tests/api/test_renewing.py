"""Expiry dates over HTTP, on pages and on the command line: set, told ahead, and what follows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx
import pytest

from tests.api.embedded import Machine, embedded
from tests.api.pages import csrf_of, signed_in
from tests.api.remote import remote
from tests.api.server import V1, Server, ended, serving
from tests.libvirt.command import until, validated

UUID: Final = "6695eb01-f6a4-8304-79aa-97f2502e193f"
INSTANCE: Final = f"{V1}/instances/-/{UUID}"
PAGE: Final = f"/instances/-/{UUID}"


def day(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%d")


def soon(seconds: int) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
def operator(played: Server) -> Iterator[httpx.Client]:
    """Somebody who may act on every instance; 'test' has no date before and after."""
    with played.client(played.key("operator", "read", "act")) as client:
        yield client
        assert client.post(f"{INSTANCE}/renew", json={"clear": True}).status_code == 200
        if client.get(INSTANCE).json()["state"] == "STOPPED":
            done(client, client.post(f"{INSTANCE}/start"))


def done(client: httpx.Client, answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 202, answer.text
    found = ended(client, answer.json()["id"])
    assert found["state"] == "done", found
    return found


def put_past(client: httpx.Client, instance: str) -> None:
    """Give it a date that is over a moment later."""
    assert client.post(f"{instance}/renew", json={"until": soon(1)}).status_code == 200
    assert until(lambda: bool(client.get(instance).json()["expiry"] == "past"))


def test_an_instance_is_renewed_and_everybody_who_sees_it_sees_the_date(
    played: Server, operator: httpx.Client
) -> None:
    assert operator.get(INSTANCE).json()["expiry"] == "none"
    answer = operator.post(f"{INSTANCE}/renew", json={"until": day(100)})
    assert answer.json() == {"before": "", "expires": f"{day(100)}T23:59:59Z", "expiry": "valid"}
    (listed,) = operator.get(f"{V1}/instances").json()["instances"]
    shown = operator.get(INSTANCE).json()
    assert listed["expires"] == shown["expires"] == f"{day(100)}T23:59:59Z"
    assert listed["expiry"] == shown["expiry"] == "valid"
    operator.post(f"{INSTANCE}/renew", json={"until": day(3)})
    told = played.command("list", "--json").json("instance-list")["instances"][0]
    assert (told["expires"], told["expiry"]) == (f"{day(3)}T23:59:59Z", "soon")
    with signed_in(played, "operator") as browser:
        assert "This instance expires soon" in browser.get(PAGE).text
        assert "(soon)" in browser.get("/instances").text
    lines = [json.loads(line) for line in played.command("audit", "--json").out.splitlines()]
    noted = [line for line in lines if line["event"] == "renewed"][-1]
    assert (noted["who"], noted["name"]) == ("operator", "test")
    assert noted["detail"] == f"until {day(3)}T23:59:59Z, before {day(100)}T23:59:59Z"


def test_the_command_line_renews_through_the_server(played: Server, operator: httpx.Client) -> None:
    there = remote(played, "operator", "read", "act")
    told = there("renew", "test", "--until", day(50), "--json").json("renew")
    assert told["expires"] == f"{day(50)}T23:59:59Z" == operator.get(INSTANCE).json()["expires"]
    assert there("show", "test", "--json").json("instance")["expires"] == told["expires"]
    assert day(50) in there("list").out


def test_the_same_request_again_renews_once(operator: httpx.Client) -> None:
    operator.post(f"{INSTANCE}/renew", json={"until": day(10)})
    key = {"Idempotency-Key": day(10) + str(datetime.now(UTC))}
    for _ in range(2):
        answer = operator.post(f"{INSTANCE}/renew", json={"days": 30}, headers=key)
        assert answer.json()["expires"] == f"{day(40)}T23:59:59Z"
    answer = operator.post(f"{INSTANCE}/renew", json={"days": 31}, headers=key)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency-key-reused")


def test_dates_that_cannot_be_are_refused(operator: httpx.Client) -> None:
    for body in ({}, {"until": "2001-01-01"}, {"until": "soon"}, {"days": 3, "clear": True}):
        answer = operator.post(f"{INSTANCE}/renew", json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "bad-input"), body
    assert operator.get(INSTANCE).json()["expires"] == ""


def test_past_its_date_it_is_not_started_and_goes_on_once_renewed(
    played: Server, operator: httpx.Client
) -> None:
    put_past(operator, INSTANCE)
    assert operator.get(INSTANCE).json()["state"] == "RUNNING"
    done(operator, operator.post(f"{INSTANCE}/stop", json={"mode": "soft"}))
    answer = operator.post(f"{INSTANCE}/start")
    assert (answer.status_code, answer.json()["code"]) == (409, "expired")
    assert "lifebuoy renew" in answer.json()["hint"]
    actions = {one["action"]: one for one in operator.get(INSTANCE).json()["actions"]}
    assert not actions["start"]["allowed"] and "its time is over" in actions["start"]["reason"]
    assert actions["renew"]["allowed"] and actions["enter-rescue"]["allowed"]
    with signed_in(played, "operator") as browser:
        shown = browser.get(PAGE).text
        assert "its time is over: have it renewed first" in shown
        form = {"csrf": csrf_of(browser), "until": "nonsense"}
        refused = browser.post(f"{PAGE}/renew", data=form)
        assert refused.status_code == 422 and "that is no date" in refused.text
        assert browser.post(f"{PAGE}/renew", data=form | {"until": day(30)}).status_code == 303
    done(operator, operator.post(f"{INSTANCE}/start"))


def test_an_owner_sees_the_date_and_does_not_move_it(
    played: Server, operator: httpx.Client
) -> None:
    played.account("renter", "owner")
    operator.post(f"{INSTANCE}/renew", json={"until": day(2)})
    with played.client(played.key("admin", "administer")) as admin:
        assert admin.put(f"{V1}/accounts/renter/instances/-/{UUID}").status_code == 204
    with played.client(played.key("renter", "read", "act")) as owner:
        shown = owner.get(INSTANCE).json()
        assert shown["expiry"] == "soon"
        (renew,) = [one for one in shown["actions"] if one["action"] == "renew"]
        assert not renew["allowed"]
        answer = owner.post(f"{INSTANCE}/renew", json={"days": 30})
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    with signed_in(played, "renter") as browser:
        assert "an operator does this" in browser.get(PAGE).text
        assert browser.get(f"{PAGE}/renew").status_code == 403


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """The stopped instance of an embedded libvirt; nothing runs afterwards."""
    with embedded() as made:
        settings = made.command.home / "CONFIG" / "lifebuoy" / "config.toml"
        settings.parent.mkdir(parents=True, exist_ok=True)
        settings.write_text("expiry_owners_renew = true\n")
        yield made


def test_past_its_date_it_enters_rescue_mode_is_renewed_there_and_leaves_to_run(
    machine: Machine,
) -> None:
    """What ran before runs again, as leaving promises: its date stops no machine."""
    instance = f"{V1}/instances/-/{machine.uuid}"
    with serving(machine.command) as server:
        server.account("root", "operator")
        with server.client(server.key("root", "read", "act")) as client:
            done(client, client.post(f"{instance}/start"))
            put_past(client, instance)
            body = {"password": "Quiet-Word-5", "wait": False, "consent": True, "stop": "hard"}
            done(client, client.post(f"{instance}/rescue/enter", json=body))
            shown = client.get(instance).json()
            assert (shown["state"], shown["expiry"]) == ("RESCUE_MODE", "past")
            assert "renew" in {one["action"] for one in shown["actions"] if one["allowed"]}
            body = {"force": True, "watch_s": 0}
            done(client, client.post(f"{instance}/rescue/exit", json=body))
            assert client.get(instance).json()["state"] == "RUNNING"
            body = {"password": "Quiet-Word-5", "wait": False, "consent": True, "stop": "hard"}
            done(client, client.post(f"{instance}/rescue/enter", json=body))
            assert client.post(f"{instance}/renew", json={"days": 30}).status_code == 200
            assert client.get(instance).json()["expiry"] == "valid"
            done(client, client.post(f"{instance}/rescue/exit", json={"force": True, "watch_s": 0}))
            validated(json.dumps(shown["rescue"]), "rescue-status")


def test_where_the_settings_say_so_an_owner_renews(machine: Machine) -> None:
    instance = f"{V1}/instances/-/{machine.uuid}"
    with serving(machine.command) as server:
        server.account("ana", "owner")
        server.account("boss", "admin")
        with server.client(server.key("boss", "administer")) as admin:
            admin.put(f"{V1}/accounts/ana/instances/-/{machine.uuid}")
        with server.client(server.key("ana", "read", "act")) as owner:
            assert owner.post(f"{instance}/renew", json={"days": 30}).status_code == 200


def test_the_command_line_renews_and_refuses_to_start(machine: Machine) -> None:
    command = machine.command
    command("stop", "vm", "--stop", "hard", "--consent-force")
    told = command("renew", "vm", "--until", day(9), "--json").json("renew")
    assert told["expires"] == f"{day(9)}T23:59:59Z" and told["expiry"] == "soon"
    assert day(9) in command("list").out and day(9) in command("show", "vm").out
    command("renew", "vm", "--until", soon(1))
    assert until(lambda: "(over)" in command("list").out)
    for words in (["start", "vm"], ["start", "vm", "--queue"]):
        assert command(*words, "--json").error()["code"] == "expired"
    for words in (["renew", "vm", "--until", "2001-01-01"], ["renew", "vm"]):
        assert command(*words, "--json").error()["code"] == "bad-input"
    command("renew", "vm", "--clear")
    assert command("show", "vm", "--json").json("instance")["expires"] == ""
    command("start", "vm")
    command("stop", "vm", "--stop", "hard", "--consent-force")
