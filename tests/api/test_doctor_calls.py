"""Diagnosis, self-check and repair over HTTP where no doctor answers: refused, and told why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import httpx
import pytest

from tests.api.embedded import embedded
from tests.api.pages import csrf_of, signed_in
from tests.api.server import V1, Server, ended, serving
from tests.libvirt.command import until

UUID: Final = "6695eb01-f6a4-8304-79aa-97f2502e193f"
INSTANCE: Final = f"{V1}/instances/-/{UUID}"
PAGE: Final = f"/instances/-/{UUID}/self-check"
NEVER: Final[dict[str, Any]] = {
    "report": None,
    "made": "",
    "outdated": False,
    "under_way": False,
    "began": "",
    "error": None,
}


@pytest.fixture
def operator(played: Server) -> Iterator[httpx.Client]:
    with played.client(played.key("operator", "read", "act")) as client:
        yield client


@pytest.mark.parametrize("call", ["doctor", "repair", "repair/preview", "repair/undo"])
def test_outside_rescue_mode_it_is_refused_and_nothing_is_on_record(
    operator: httpx.Client, call: str
) -> None:
    before = operator.get(f"{V1}/operations").json()
    answer = operator.post(f"{INSTANCE}/{call}", json={})
    found = answer.json()
    assert (answer.status_code, found["code"]) == (409, "not-allowed"), found
    assert "rescue" in found["hint"] and "Nothing was changed." in found["safe"]
    assert operator.get(f"{V1}/operations").json() == before
    shown = operator.get(f"{INSTANCE}/doctor").json()
    assert shown == NEVER | {"instance": "test"}


WRONG: Final[list[tuple[str, dict[str, Any]]]] = [
    ("repair", {"only": ["../etc"]}),
    ("repair", {"only": ["x"] * 101}),
    ("repair", {"only": "loader-grub-files"}),
    ("repair", {"dry_run": True}),
    ("repair", {"timeout_s": 0}),
    ("repair/preview", {"only": ["A"]}),
    ("doctor", {"timeout_s": 1e9}),
    ("doctor", {"passphrase": "x" * 2000}),
    ("repair/undo", {"run": "x"}),
]


@pytest.mark.parametrize(("call", "body"), WRONG)
def test_what_is_not_of_the_form_is_refused_and_not_repeated(
    operator: httpx.Client, call: str, body: dict[str, Any]
) -> None:
    answer = operator.post(f"{INSTANCE}/{call}", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "bad-input")
    assert "../etc" not in answer.text and "xxx" not in answer.text


def test_where_there_is_nothing_to_read_that_is_said(operator: httpx.Client) -> None:
    answer = operator.get(f"{INSTANCE}/diagnose")
    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")
    assert "keeps no log of its serial port" in answer.json()["detail"]
    for bad in ("0", UUID.upper(), "test"):
        assert operator.get(f"{V1}/instances/-/{bad}/diagnose").status_code == 422


def test_the_page_of_one_outside_rescue_mode_leads_there(played: Server) -> None:
    with signed_in(played, "operator") as client:
        shown = client.get(PAGE)
        assert shown.status_code == 200 and "keeps no log of its serial port" in shown.text
        assert '<button disabled aria-describedby="why-not">' in shown.text
        assert "in rescue mode only" in shown.text
        csrf = csrf_of(client)
        for path in ("", "/repair", "/preview", "/undo"):
            answer = client.post(PAGE + path, data={"csrf": csrf})
            # without anything named, a preview has nothing to look for
            assert answer.status_code == (200 if path == "/preview" else 409), path
            assert client.post(PAGE + path).status_code == 403, path
        for path in ("/repair", "/undo"):
            assert client.get(PAGE + path).status_code == 409, path
        for path in ("/report.html", "/report.json"):
            answer = client.get(PAGE + path)
            assert answer.status_code == 404 and "there is no self-check" in answer.text


def test_an_owner_who_was_not_given_it_sees_nothing_of_it(played: Server) -> None:
    with signed_in(played, "owner") as client:
        csrf = csrf_of(client)
        for path in ("", "/report.html", "/report.json", "/repair", "/undo"):
            assert client.get(PAGE + path).status_code == 404, path
        for path in ("", "/repair", "/preview", "/undo"):
            assert client.post(PAGE + path, data={"csrf": csrf}).status_code == 404, path


@pytest.mark.turn(1, 2)
def test_a_rescue_system_without_a_doctor_is_told_of() -> None:
    with embedded() as machine, serving(machine.command) as server:
        server.account("ana", "admin")
        instance = f"{V1}/instances/-/{machine.uuid}"
        page = f"/instances/-/{machine.uuid}/self-check"
        with server.client(server.key("ana", "read", "act")) as client:
            body = {"password": "Quiet-Word-5", "wait": False}
            entered = client.post(f"{instance}/rescue/enter", json=body).json()["id"]
            assert ended(client, entered)["state"] == "done"
            inside = client.get(f"{instance}/diagnose")
            assert (inside.status_code, inside.json()["code"]) == (409, "not-allowed")
            begun = client.post(f"{instance}/doctor", json={"passphrase": "quiet-passphrase"})
            assert begun.status_code == 202 and begun.headers["location"] == f"{instance}/doctor"
            assert begun.json()["under_way"] and begun.json()["began"]
            again = client.post(f"{instance}/doctor", json={})
            assert again.json()["began"] == begun.json()["began"]
            assert until(lambda: not client.get(f"{instance}/doctor").json()["under_way"], 60)
            found = client.get(f"{instance}/doctor").json()
            assert found["error"]["code"] == "agent-unavailable" and found["report"] is None
            refused = client.post(f"{instance}/repair", json={"only": ["loader-grub-files"]})
            assert (refused.status_code, refused.json()["code"]) == (502, "agent-unavailable")
            with signed_in(server, "ana") as browser:
                shown = browser.get(page).text
                assert "does not answer" in shown and "Start the self-check" in shown
            left = client.post(f"{instance}/rescue/exit", json={}).json()["id"]
            assert ended(client, left)["state"] == "done"
            assert client.get(f"{instance}/doctor").json() == NEVER | {"instance": "vm"}
        assert "quiet-passphrase" not in server.log.read_text()
