"""Accounts, API keys, the audit log, images and hosts over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

import httpx
import pytest

from tests.api.pages import csrf_of, signed_in
from tests.api.server import PASSWORD, V1, Server, ended, written
from tests.api.test_calls import INSTANCE, UUID
from tests.libvirt.command import validated

OTHER: Final = "another horse battery"


@pytest.fixture
def admin(played: Server) -> Iterator[httpx.Client]:
    """An admin's program; paths begin at the API."""
    with played.client(played.key("admin", "read", "act", "administer")) as client:
        client.base_url = f"{played.url}{V1}"
        yield client


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_an_account_is_made_changed_and_removed(played: Server, admin: httpx.Client) -> None:
    asked = {"name": "zoe", "role": "operator", "password": PASSWORD}
    made = admin.post("accounts", json=asked)
    assert made.status_code == 201 and made.headers["location"] == f"{V1}/accounts/zoe"
    validated(json.dumps({"account": made.json()}), "account")
    assert code(admin.post("accounts", json=asked)) == (409, "refused")
    with signed_in(played, "zoe") as zoe:
        assert zoe.get(INSTANCE).status_code == 200
        changed = admin.patch("accounts/zoe", json={"role": "owner"})
        assert changed.json()["role"] == "owner"
        assert zoe.get(INSTANCE).status_code == 404, "from the next request on"
        assert admin.put(f"accounts/zoe/instances/-/{UUID}").status_code == 204
        assert zoe.get(INSTANCE).status_code == 200
        admin.patch("accounts/zoe", json={"role": "admin"})
        admin.patch("accounts/zoe", json={"role": "owner"})
        assert admin.get("accounts/zoe").json()["instances"] == []
        assert admin.put("accounts/zoe/password", json={"password": OTHER}).status_code == 204
        assert zoe.get(INSTANCE).status_code == 401, "its browsers must sign in again"
    assert admin.delete("accounts/zoe").status_code == 204
    assert code(admin.get("accounts/zoe")) == (404, "account-not-found")
    assert OTHER not in played.log.read_text()
    assert not any(OTHER.encode() in data for data in written(played.command.home))


def test_no_admin_can_leave_the_server_without_one(admin: httpx.Client) -> None:
    assert code(admin.delete("accounts/admin")) == (409, "refused")
    assert code(admin.patch("accounts/admin", json={"role": "owner"})) == (409, "refused")
    assert admin.get("accounts/admin").json()["role"] == "admin"


def test_what_no_account_can_be_is_refused(admin: httpx.Client) -> None:
    for asked in (
        {"name": "Zoe@x", "password": PASSWORD},
        {"name": "zoe", "password": "short"},
        {"name": "zoe", "password": "x" * 201},
        {"name": "zoe", "password": PASSWORD, "role": "king"},
        {"name": "zoe", "password": PASSWORD, "admin": True},
    ):
        answer = admin.post("accounts", json=asked)
        assert answer.status_code == 422 and str(asked["password"]) not in answer.text, asked
    assert admin.get("accounts/zoe").status_code == 404


def test_ones_own_password_and_keys_are_changed_in_a_browser_only(
    played: Server, admin: httpx.Client
) -> None:
    admin.post("accounts", json={"name": "kim", "role": "operator", "password": PASSWORD})
    new = {"current": PASSWORD, "password": OTHER}
    with played.client(played.key("kim", "read", "act")) as program:
        assert code(program.put(f"{V1}/session/password", json=new)) == (403, "forbidden")
        assert code(program.post(f"{V1}/session/keys", json={})) == (403, "forbidden")
        assert len(program.get(f"{V1}/session/keys").json()["api_keys"]) == 1
    with signed_in(played, "kim") as kim:
        kim.headers["X-CSRF-Token"] = csrf_of(kim)
        asked = {"label": "nightly", "scopes": ["read"], "current": PASSWORD}
        made = kim.post(f"{V1}/session/keys", json=asked)
        assert made.status_code == 201
        validated(made.text, "api-key")
        key, id = made.json()["key"], made.json()["api_key"]["id"]
        with played.client(key) as program:
            assert program.get(f"{V1}/session").json()["may"] == ["read"]
            assert kim.delete(f"{V1}/session/keys/{id}").status_code == 204
            assert program.get(f"{V1}/session").status_code == 401
        assert key not in kim.get(f"{V1}/session/keys").text
        more = kim.post(f"{V1}/session/keys", json={**asked, "scopes": ["administer"]})
        assert code(more) == (422, "bad-input"), "no more than its account"
        others = played.command("api-key", "list", "--json").json("api-key-list")["api_keys"]
        (of_admin, *_) = [one["id"] for one in others if one["account"] == "admin"]
        gone = kim.delete(f"{V1}/session/keys/{of_admin}")
        assert code(gone) == (404, "account-not-found"), "another's"

        wrong = kim.put(f"{V1}/session/password", json={**new, "current": "not the password"})
        assert code(wrong) == (403, "forbidden")
        assert kim.put(f"{V1}/session/password", json=new).status_code == 204
        assert kim.get(f"{V1}/session").status_code == 401
    admin.delete("accounts/kim")


def test_an_admin_makes_and_removes_the_keys_of_others(admin: httpx.Client) -> None:
    made = admin.post("accounts/operator/keys", json={"scopes": ["read", "act"], "days": 1})
    id = made.json()["api_key"]["id"]
    assert id in admin.get("accounts/operator/keys").text
    assert code(admin.delete(f"accounts/owner/keys/{id}")) == (404, "account-not-found")
    assert admin.delete(f"accounts/operator/keys/{id}").status_code == 204
    assert code(admin.get("accounts/nobody/keys")) == (404, "account-not-found")
    for days in (0, 99_999):
        assert admin.post("accounts/operator/keys", json={"days": days}).status_code == 422


def test_the_audit_log_is_read_in_pages_and_by_what_is_looked_for(
    played: Server, admin: httpx.Client
) -> None:
    for action, body in (("stop", {"consent": True}), ("start", {})):
        answer = admin.post(f"instances/-/{UUID}/{action}", json=body)
        assert answer.status_code == 202, answer.text
        with played.client(admin.headers["authorization"].partition(" ")[2]) as client:
            ended(client, answer.json()["id"])
    found, cursor = [], ""
    for _ in range(200):
        page = admin.get("audit", params={"limit": 7, "cursor": cursor}).json()
        found += page["entries"]
        cursor = page["next"]
        if not cursor:
            break
    times = [one["time"] for one in found]
    assert len(found) > 7 and times == sorted(times, reverse=True)
    for entry in found:
        validated(json.dumps(entry), "audit-entry")
    told = played.command("audit", "--json").out.splitlines()
    assert [json.loads(line) for line in told][::-1] == found

    last = answer.json()["id"]
    about = admin.get("audit", params={"operation": last}).json()["entries"]
    assert {one["operation"] for one in about} == {last} and len(about) >= 2
    mine = admin.get("audit", params={"by": "admin", "event": "asked"}).json()["entries"]
    assert mine and {(one["who"], one["event"]) for one in mine} == {("admin", "asked")}
    assert admin.get("audit", params={"until": "2020-01-01"}).json()["entries"] == []
    assert admin.get("audit", params={"since": "2020-01-01"}).json()["entries"]
    for wrong in ({"since": "soon"}, {"cursor": "x"}, {"event": "x"}, {"limit": 0}):
        assert admin.get("audit", params=wrong).status_code == 422, wrong


def test_an_owner_reads_of_his_own_instances_only(played: Server, admin: httpx.Client) -> None:
    admin.post("accounts", json={"name": "ivy", "password": PASSWORD})
    with played.client(played.key("ivy", "read")) as ivy:
        assert ivy.get(f"{V1}/audit").json() == {"entries": [], "next": ""}
        admin.put(f"accounts/ivy/instances/-/{UUID}")
        found = ivy.get(f"{V1}/audit").json()["entries"]
        assert found and {one["instance"] for one in found} == {UUID}
        assert ivy.get(f"{V1}/hosts/-").json()["storage"] is None
    admin.delete("accounts/ivy")


def test_operations_come_in_pages(admin: httpx.Client) -> None:
    whole = admin.get("operations", params={"limit": 500}).json()["operations"]
    first = admin.get("operations", params={"limit": 1}).json()
    second = admin.get("operations", params={"limit": 1, "cursor": first["next"]}).json()
    assert [first["operations"][0], second["operations"][0]] == whole[:2]
    assert admin.get("operations", params={"outcome": "none"}).json()["operations"] == []
    done = admin.get("operations", params={"outcome": "done", "kind": "start"}).json()
    assert {one["kind"] for one in done["operations"]} == {"start"}
    assert admin.get("operations", params={"cursor": "x"}).status_code == 422


def test_a_host_is_told_of_and_checked(admin: httpx.Client) -> None:
    found = admin.get("hosts/-").json()
    assert found["uri"] == "test:///default" and found["storage"]["free_bytes"] > 0
    checked = admin.post("hosts/-/check").json()
    assert {"libvirt", "KVM", "rescue image"} <= {one["name"] for one in checked["items"]}
    assert checked["ok"] is all(one["ok"] is not False for one in checked["items"])
    assert code(admin.get("hosts/nowhere")) == (404, "not-found")


def test_images_are_told_of_and_one_is_the_default(admin: httpx.Client) -> None:
    assert admin.get("images").json() == {"images": []}
    for method, path in (("PUT", "images/none/default"), ("POST", "images/none/verify")):
        assert code(admin.request(method, path)) == (404, "image-not-found")
