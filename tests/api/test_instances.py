"""Lists, details and actions of libvirt's play instance over HTTP."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import httpx
import pytest

from tests.api.server import V1, Server, ended, events
from tests.libvirt.command import until, validated

UUID: Final = "6695eb01-f6a4-8304-79aa-97f2502e193f"
INSTANCE: Final = f"{V1}/instances/-/{UUID}"


@pytest.fixture
def operator(played: Server) -> Iterator[httpx.Client]:
    """Somebody who may act on every instance; 'test' runs."""
    with played.client(played.key("operator", "read", "act")) as client:
        if client.get(INSTANCE).json()["state"] == "STOPPED":
            done(client, client.post(f"{INSTANCE}/start"))
        yield client


def done(client: httpx.Client, answer: httpx.Response) -> dict[str, Any]:
    """The operation of an accepted request, once it is done."""
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"{V1}/operations/{answer.json()['id']}"
    found = ended(client, answer.json()["id"])
    assert found["state"] == "done", found
    return found


def test_what_is_told_is_what_the_command_line_tells(operator: httpx.Client) -> None:
    listed = operator.get(f"{V1}/instances").json()
    kept = {"instances": listed["instances"], "hosts": listed["hosts"]}
    assert validated(json.dumps(kept), "instance-list") and listed["total"] == 1
    shown = operator.get(INSTANCE).json()
    actions = {one["action"]: one for one in shown.pop("actions")}
    validated(json.dumps(shown), "instance")
    assert actions["stop"] == {"action": "stop", "allowed": True, "reason": ""}
    assert not actions["start"]["allowed"] and "RUNNING" in actions["start"]["reason"]


def test_a_list_is_filtered_sorted_and_refuses_what_is_none(operator: httpx.Client) -> None:
    def found(**query: str) -> int:
        answer = operator.get(f"{V1}/instances", params=query)
        return len(answer.json()["instances"]) if answer.status_code == 200 else 0

    assert found(q="TES", state="RUNNING", host="-", sort="-state") == 1
    assert found(q="nothing") == found(state="STOPPED") == found(host="other") == 0
    for query in ({"sort": "uuid"}, {"cursor": "x"}, {"limit": "0"}, {"state": "BROKEN"}):
        answer = operator.get(f"{V1}/instances", params=query)
        assert answer.status_code == 422 and answer.json()["code"] == "bad-input", query


def test_details_that_have_not_changed_are_not_sent_again(operator: httpx.Client) -> None:
    tag = operator.get(INSTANCE).headers["etag"]
    again = operator.get(INSTANCE, headers={"If-None-Match": f'"other", {tag}'})
    assert (again.status_code, again.content) == (304, b"")
    done(operator, operator.post(f"{INSTANCE}/stop", json={}))
    changed = operator.get(INSTANCE, headers={"If-None-Match": tag})
    assert changed.status_code == 200 and changed.headers["etag"] != tag


def test_an_instance_is_stopped_and_started_and_the_record_says_by_whom(
    operator: httpx.Client,
) -> None:
    stopped = done(operator, operator.post(f"{INSTANCE}/stop", json={}))
    assert (stopped["kind"], stopped["who"]) == ("stop", "operator")
    validated(json.dumps({"operation": stopped}), "operation")
    assert operator.get(INSTANCE).json()["state"] == "STOPPED"
    refused = operator.post(f"{INSTANCE}/stop", json={})
    assert (refused.status_code, refused.json()["code"]) == (409, "not-allowed")
    assert "possible now" in refused.json()["hint"]
    done(operator, operator.post(f"{INSTANCE}/start"))
    assert operator.get(INSTANCE).json()["state"] == "RUNNING"
    listed = operator.get(f"{V1}/operations", params={"instance": UUID, "limit": 2}).json()
    validated(json.dumps(listed), "operation-list")
    assert [one["kind"] for one in listed["operations"]] == ["start", "stop"]


def test_a_cut_needs_consent(operator: httpx.Client) -> None:
    answer = operator.post(f"{INSTANCE}/stop", json={"mode": "hard"})
    assert (answer.status_code, answer.json()["code"]) == (409, "consent-needed")
    assert answer.json()["safe"] == "Nothing was changed."


def test_the_same_request_again_leads_to_the_same_operation(operator: httpx.Client) -> None:
    key = {"Idempotency-Key": f"key {time.monotonic_ns()}"}
    first = operator.post(f"{INSTANCE}/stop", json={}, headers=key)
    done(operator, first)
    again = operator.post(f"{INSTANCE}/stop", json={}, headers=key)
    assert again.status_code == 202 and again.json()["id"] == first.json()["id"]
    other = operator.post(f"{INSTANCE}/stop", json={"timeout_s": 5}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")


def test_the_same_request_many_times_at_once_is_one_operation(operator: httpx.Client) -> None:
    key = {"Idempotency-Key": f"key {time.monotonic_ns()}"}

    def ask(_number: int) -> httpx.Response:
        return operator.post(f"{INSTANCE}/stop", json={}, headers=key)

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(ask, range(16)))
    assert {answer.status_code for answer in answers} == {202}, [a.text for a in answers]
    assert len({answer.json()["id"] for answer in answers}) == 1
    done(operator, answers[0])


def test_an_operation_is_told_of_as_it_happens_to_all_who_watch(operator: httpx.Client) -> None:
    made = operator.post(f"{INSTANCE}/stop", json={}).json()["id"]
    for _ in range(2):
        told = list(events(operator, made))
        assert told[-1] == ("end", {})
        name, last = told[-2]
        assert (name, last["id"], last["state"]) == ("operation", made, "done")
        assert [step["state"] for step in last["steps"]] == ["done"]


def test_an_operation_that_has_ended_is_not_cancelled(operator: httpx.Client) -> None:
    made = done(operator, operator.post(f"{INSTANCE}/stop", json={}))
    answer = operator.post(f"{V1}/operations/{made['id']}/cancel")
    assert (answer.status_code, answer.json()["code"]) == (409, "refused")


def test_an_owner_has_what_he_was_given_until_it_is_taken(played: Server) -> None:
    played.account("ben", "owner")
    with played.client(played.key("ben", "read", "act")) as ben:
        assert ben.get(INSTANCE).status_code == 404
        assert ben.get(f"{V1}/operations").json()["operations"] == []
        played.command("account", "grant", "ben", "test", "--json").json("account-change")
        assert ben.get(INSTANCE).json()["name"] == "test"
        assert ben.get(f"{V1}/instances").json()["total"] == 1
        seen = ben.get(f"{V1}/operations").json()["operations"]
        assert {one["uuid"] for one in seen} <= {UUID}
        played.command("account", "revoke", "ben", "test", "--json").json("account-change")
        assert ben.get(INSTANCE).status_code == 404
        if seen:
            assert ben.get(f"{V1}/operations/{seen[0]['id']}").status_code == 404


def test_a_request_that_is_too_large_or_addressed_to_another_is_refused(
    operator: httpx.Client,
) -> None:
    answer = operator.post(f"{INSTANCE}/stop", content=b"x" * 70_000)
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
    answer = operator.get(f"{V1}/instances", headers={"Host": "elsewhere.example"})
    assert answer.status_code == 422


def test_every_answer_is_closed_to_other_pages_and_has_its_line_in_the_log(
    played: Server, operator: httpx.Client
) -> None:
    for path in ("/healthz", f"{V1}/instances", "/nowhere", f"{V1}/openapi.json"):
        answer = operator.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        id_ = answer.headers["x-request-id"]
        assert logged(played, id_)
        (line,) = [one for one in played.lines() if one.get("request") == id_]
        assert (line["path"], line["status"]) == (path, answer.status_code)


def logged(server: Server, request: str) -> bool:
    """Whether the log has that request, which is written after its answer."""
    return until(lambda: request in server.log.read_text())
