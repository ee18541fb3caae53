"""Verifications of backup points and quotas: over HTTP, on pages and by the command line."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.disks import done, served
from tests.api.embedded import Machine
from tests.api.pages import csrf_of, signed_in
from tests.api.remote import remote
from tests.api.server import V1, Server
from tests.libvirt.command import until


@pytest.fixture(scope="module")
def machine() -> Iterator[tuple[Machine, Server]]:
    """A stopped instance with disks, its server, an operator and two owners: 'ben' has it."""
    with served() as made:
        yield made


@pytest.fixture
def olga(machine: tuple[Machine, Server]) -> Iterator[httpx.Client]:
    """The operator, for whom paths begin at the instance."""
    made, server = machine
    with server.client(server.key("olga", "read", "act")) as client:
        client.base_url = f"{server.url}{V1}/instances/-/{made.uuid}"
        yield client


def pointed(server: Server, client: httpx.Client, **body: object) -> str:
    """The id of a new point."""
    return str(done(server, client, client.post("backups", json=body))["id"])


def deleted(server: Server, client: httpx.Client, id: str) -> None:
    done(server, client, client.delete(f"backups/{id}"))


def verified(client: httpx.Client, id: str) -> dict[str, Any]:
    """What a verification found."""
    begun = client.post(f"backups/{id}/verify")
    assert begun.status_code == 202 and begun.headers["location"].endswith(f"/{id}/verify")
    assert until(lambda: not client.get(f"backups/{id}/verify").json()["under_way"])
    found: dict[str, Any] = client.get(f"backups/{id}/verify").json()
    assert found["error"] is None and found["made"] and found["id"] == id
    return found


def test_a_point_is_verified_and_what_was_written_to_it_is_seen(
    machine: tuple[Machine, Server], olga: httpx.Client
) -> None:
    made, server = machine
    id = pointed(server, olga, name="kept")
    before = olga.get(f"backups/{id}/verify").json()
    assert before["ok"] is None and before["files"] == [] and not before["under_way"]
    found = verified(olga, id)
    assert found["ok"] and {one["disk"] for one in found["files"]} == {"vda", "vdb"}
    there = remote(server, "olga", "read", "act")
    told = there("backup", "verify", id[:4], "--json").json("backup-verify")
    assert told["ok"] and told["instance"] == found["instance"]
    assert told["files"] == found["files"]
    assert "is what was noted of it" in there("backup", "verify", id).out

    frozen = Path(next(one["path"] for one in found["files"] if one["disk"] == "vdb"))
    was = frozen.stat()
    with frozen.open("r+b") as file:
        file.write(b"somebody else")
    wrong = verified(olga, id)
    assert not wrong["ok"]
    assert [one["disk"] for one in wrong["files"] if not one["ok"]] == ["vdb"]
    answer = there("backup", "verify", id)
    assert answer.status == 1 and "FAULT" in answer.out and "is NOT what" in answer.out
    with signed_in(server, "ben") as browser:
        page = f"/instances/-/{made.uuid}/backups/{id}/verify"
        shown = browser.get(page).text
        assert "is NOT what was noted of it" in shown and "it was written to at" in shown
        assert f'href="{page}"' in browser.get(f"/instances/-/{made.uuid}/backups").text
        os.utime(frozen, ns=(was.st_atime_ns, was.st_mtime_ns))
        done = browser.post(page, data={"csrf": csrf_of(browser)})
        assert done.status_code == 303 and done.headers["location"] == page
        assert until(lambda: "is what was noted of it" in browser.get(page).text)
        part = browser.get(page, params={"part": "true"}).text
        assert "<html" not in part and 'id="verification"' in part and "hx-get" not in part
        assert browser.post(page).status_code == 403, "not from a page of ours"
    deleted(server, olga, id)
    gone = olga.get(f"backups/{id}/verify")
    assert (gone.status_code, gone.json()["code"]) == (404, "backup-point-not-found")


def test_a_copy_is_read_whole(machine: tuple[Machine, Server], olga: httpx.Client) -> None:
    _, server = machine
    id = pointed(server, olga, copy=True)
    found = verified(olga, id)
    assert found["ok"] and "SHA-256 of the whole content" in found["files"][0]["how"]
    deleted(server, olga, id)


def test_a_quota_is_set_by_operators_kept_to_and_on_record(
    machine: tuple[Machine, Server], olga: httpx.Client
) -> None:
    made, server = machine
    assert olga.get("backups/quota").json() == {"points": 0, "bytes": 0}
    assert olga.patch("backups/quota", json={"points": 1}).json() == {"points": 1, "bytes": 0}
    there = remote(server, "olga", "read", "act")
    told = there("backup", "quota", "vm", "--gib", "1.5", "--json").json("backup-quota")
    assert (told["points"], told["bytes"]) == (1, 3 << 29)
    assert there("backup", "quota", "vm").out.split()[1] == "1"
    assert olga.get("backups").json()["quota"] == {"points": 1, "bytes": 3 << 29}
    id = pointed(server, olga)
    refused = olga.post("backups", json={})
    assert (refused.status_code, refused.json()["code"]) == (409, "quota-exceeded")
    deleted(server, olga, id)
    for wrong in ({"points": -1}, {"points": 1.5}, {"gib": 1}, {"bytes": 1 << 61}):
        assert olga.patch("backups/quota", json=wrong).status_code == 422, wrong

    with signed_in(server, "olga") as browser:
        page = f"/instances/-/{made.uuid}/backups"
        shown = browser.get(page).text
        assert re.search(r'name="points"[^>]* value="1"', shown)
        assert re.search(r'name="gib"[^>]* value="1.5"', shown)
        form = {"csrf": csrf_of(browser), "points": "0", "gib": "0"}
        assert browser.post(f"{page}/quota", data=form | {"points": "-1"}).status_code == 422
        assert browser.post(f"{page}/quota", data=form).headers["location"] == page
        assert "quota set" in browser.get("/audit").text
    assert olga.get("backups/quota").json() == {"points": 0, "bytes": 0}
    asked = {"event": "quota-set", "instance": made.uuid}
    lines = olga.get(f"{server.url}{V1}/audit", params=asked).json()["entries"]
    assert [one["detail"] for one in lines] == [
        "any number of points, any amount of bytes",
        f"1 points, {3 << 29} bytes",
        "1 points, any amount of bytes",
    ]
    assert {one["who"] for one in lines} == {"olga"}


def test_an_owner_sees_the_quota_and_does_not_set_it(machine: tuple[Machine, Server]) -> None:
    made, server = machine
    path = f"{V1}/instances/-/{made.uuid}/backups"
    with server.client(server.key("ben", "read", "act")) as ben:
        assert ben.get(f"{path}/quota").json() == {"points": 0, "bytes": 0}
        refused = ben.patch(f"{path}/quota", json={"points": 0})
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    with signed_in(server, "ben") as browser:
        page = path.removeprefix(V1)
        assert 'name="gib"' not in browser.get(page).text
        form = {"csrf": csrf_of(browser), "points": "3", "gib": "0"}
        refused = browser.post(f"{page}/quota", data=form)
        assert refused.status_code == 403 and "owners do not set quotas" in refused.text
    with server.client(server.key("eve", "read", "act")) as eve:
        for method, last in (("GET", "quota"), ("PATCH", "quota"), ("POST", "00000000/verify")):
            body: dict[str, int] | None = {} if method == "PATCH" else None
            answer = eve.request(method, f"{path}/{last}", json=body)
            assert (answer.status_code, answer.json()["code"]) == (404, "instance-not-found")
