"""Backup points over HTTP: the whole life of one, and who may see and do what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.api.disks import done, served
from tests.api.embedded import Machine
from tests.api.server import V1, Server
from tests.libvirt.backups import content, write
from tests.libvirt.command import validated


@pytest.fixture(scope="module")
def machine() -> Iterator[tuple[Machine, Server]]:
    """A stopped instance with disks, its server, and an operator and two owners: 'ben' has it."""
    with served() as made:
        yield made


@pytest.fixture
def ben(machine: tuple[Machine, Server]) -> Iterator[httpx.Client]:
    """The owner, for whom paths begin at his instance."""
    made, server = machine
    with server.client(server.key("ben", "read", "act")) as client:
        client.base_url = f"{server.url}{V1}/instances/-/{made.uuid}"
        yield client


def test_a_point_is_made_gone_back_to_and_deleted(
    machine: tuple[Machine, Server], ben: httpx.Client
) -> None:
    made, server = machine
    empty = ben.get("backups")
    assert empty.json()["points"] == []
    needed = ben.get("backups/needs")
    validated(needed.text, "backup-needs")
    assert needed.json()["frozen"]["refusal"] is None
    assert needed.json()["frozen"]["bytes"] == 2 << 20
    assert needed.json()["copy"]["bytes"] > 2 << 20

    asked = {"name": "before the upgrade"}
    key = {"Idempotency-Key": "once"}
    answer = ben.post("backups", json=asked, headers=key)
    id = done(server, ben, answer)["id"]
    again = ben.post("backups", json=asked, headers=key)
    assert again.json()["id"] == answer.json()["id"]
    other = ben.post("backups", json={"name": "another"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")

    (point,) = ben.get("backups").json()["points"]
    assert (point["id"], point["name"], point["kind"]) == (id, "before the upgrade", "frozen")
    assert point["size_bytes"] > 0
    details = ben.get(f"backups/{id}")
    validated(details.text, "backup-show")
    assert len(details.json()["files"]) == 2
    everyones = ben.get(f"{server.url}{V1}/backups")
    validated(everyones.text, "backup-list")
    assert everyones.json()["instances"][0]["points"][0]["id"] == id

    before = {path: content(path, form) for path, form in disks(ben, server)}
    for path, form in disks(ben, server):
        write(path, form, (9, 2, 1))
    assert before != {path: content(path, form) for path, form in disks(ben, server)}
    done(server, ben, ben.post(f"backups/{id}/restore"))
    assert ben.get("backups").json()["undo_of"] == id
    assert list(before.values()) == [content(*one) for one in disks(ben, server)]
    done(server, ben, ben.post("backups/undo"))
    assert list(before.values()) != [content(*one) for one in disks(ben, server)]

    plan = ben.get(f"backups/{id}/deletion")
    validated(plan.text, "backup-dry-run")
    assert plan.json()["loses_undo"] and plan.json()["definition_as_before"]
    assert done(server, ben, ben.delete(f"backups/{id}"))["left"] == 0
    assert ben.get("backups").json()["points"] == []
    assert ben.get(f"backups/{id}").status_code == 404
    assert made.uuid in ben.get("backups").json()["uuid"]


def disks(client: httpx.Client, server: Server) -> list[tuple[str, str]]:
    """The files that the instance writes to now, and their formats."""
    found = client.get(str(client.base_url).rstrip("/")).json()["disks"]
    return [(one["source"], one["format"]) for one in found]


def test_a_running_instance_is_copied_or_must_be_stopped_first(
    machine: tuple[Machine, Server], ben: httpx.Client
) -> None:
    _, server = machine
    done(server, ben, ben.post("start"))
    try:
        frozen = ben.post("backups", json={})
        assert (frozen.status_code, frozen.json()["code"]) == (409, "not-allowed")
        assert "shut it down first" in frozen.json()["hint"]
        copied = ben.post("backups", json={"copy": True, "freeze": False, "name": "live"})
        id = done(server, ben, copied)["id"]
        refused = ben.post(f"backups/{id}/restore")
        assert (refused.status_code, refused.json()["code"]) == (409, "not-allowed")
        done(server, ben, ben.delete(f"backups/{id}"))
    finally:
        done(server, ben, ben.post("stop", json={"mode": "hard", "consent": True}))


def test_what_cannot_be_is_refused_before_anything_is_touched(ben: httpx.Client) -> None:
    tries: list[tuple[str, str, dict[str, Any], int, str]] = [
        ("POST", "", {"name": "x" * 81}, 422, "bad-input"),
        ("POST", "", {"name": "two\nlines"}, 422, "bad-input"),
        ("POST", "", {"keep": -1}, 422, "bad-input"),
        ("POST", "", {"kopy": True}, 422, "bad-input"),
        ("POST", "", {"pool": "default"}, 422, "bad-input"),
        ("POST", "", {"copy": True, "pool": "/etc"}, 422, "bad-input"),
        ("POST", "", {"copy": True, "pool": "default"}, 403, "forbidden"),
        ("POST", "/00000000/restore", {}, 404, "backup-point-not-found"),
        ("POST", "/undo", {}, 404, "backup-point-not-found"),
        ("DELETE", "/00000000", {}, 404, "backup-point-not-found"),
        ("DELETE", "/not-hex!", {}, 404, "not-found"),
    ]
    for method, path, body, status, code in tries:
        answer = ben.request(method, f"backups{path}", json=body)
        assert (answer.status_code, answer.json()["code"]) == (status, code), (path, body)
    assert ben.get("backups").json()["points"] == []


def test_others_neither_see_nor_touch_the_points_of_an_instance(
    machine: tuple[Machine, Server], ben: httpx.Client
) -> None:
    _, server = machine
    id = done(server, ben, ben.post("backups", json={}))["id"]
    with server.client(server.key("eve", "read", "act")) as eve:
        eve.base_url = ben.base_url
        for method, path in (
            ("GET", ""),
            ("GET", f"/{id}"),
            ("GET", "/needs"),
            ("GET", f"/{id}/deletion"),
            ("POST", f"/{id}/restore"),
            ("DELETE", f"/{id}"),
        ):
            answer = eve.request(method, f"backups{path}")
            assert (answer.status_code, answer.json()["code"]) == (404, "instance-not-found")
        assert eve.get(f"{server.url}{V1}/backups").json()["instances"] == []
    done(server, ben, ben.delete(f"backups/{id}"))


def test_a_rescue_password_is_set_in_rescue_mode_only(
    machine: tuple[Machine, Server], ben: httpx.Client
) -> None:
    _, server = machine
    outside = ben.post("rescue/password", json={"password": "Quiet-Word-5"})
    assert (outside.status_code, outside.json()["code"]) == (409, "not-allowed")
    bad = ben.post("rescue/password", json={"password": "short"})
    assert (bad.status_code, bad.json()["code"]) == (422, "password-refused")
    assert "Quiet-Word-5" not in server.log.read_text()
