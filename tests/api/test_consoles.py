"""Consoles over HTTP: who gets in and who does not, and what ends one; a real machine behind it."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, Final

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from tests.api.embedded import Machine, embedded
from tests.api.pages import csrf_of, signed_in
from tests.api.server import V1, Server, ended, serving
from tests.api.viewing import Screen, bearer, cookie, ending, opened, ticket

STOPPED, TAKEN, SIGNED_OUT, TOO_MANY, MISUSED = 4001, 4002, 4003, 4004, 4007
_LIFE_S: Final = 15.0


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    with embedded() as made:
        yield made


@pytest.fixture(scope="module")
def server(machine: Machine) -> Iterator[Server]:
    """A server with somebody of each role; the owner has no instance."""
    with serving(machine.command) as made:
        for role in ("admin", "operator", "owner"):
            made.account(role, role)
        yield made


@pytest.fixture
def operator(server: Server, machine: Machine) -> Iterator[httpx.Client]:
    """Somebody who may act on every instance; the machine runs."""
    with server.client(server.key("operator", "read", "act")) as client:
        if client.get(path(machine)).json()["state"] == "STOPPED":
            made = client.post(f"{path(machine)}/start")
            assert ended(client, made.json()["id"])["state"] == "done"
        yield client


def path(machine: Machine) -> str:
    return f"{V1}/instances/-/{machine.uuid}"


def stop(client: httpx.Client, machine: Machine) -> None:
    made = client.post(f"{path(machine)}/stop", json={"mode": "hard", "consent": True})
    assert ended(client, made.json()["id"])["state"] == "done"


def refused(attempt: Callable[[], Any]) -> tuple[int, str]:
    """With which status and code a WebSocket is refused."""
    with pytest.raises(InvalidStatus) as found, attempt():
        pass
    response = found.value.response
    text = bytes(response.body or b"")
    code = httpx.Response(200, content=text).json()["code"] if text else ""
    return response.status_code, code


def test_a_screen_is_seen_through_a_ticket_and_both_ends_are_in_the_audit_log(
    server: Server, machine: Machine, operator: httpx.Client
) -> None:
    found = ticket(operator, machine.uuid, "vnc")
    with opened(server, found, bearer(operator)) as socket:
        screen = Screen(socket)
        assert screen.name == "QEMU (vm)" and screen.width >= 640
        screen.ask()
        assert screen.take(1) == b"\0"
    deadline = time.monotonic() + 10
    while True:
        lines = machine.command("audit", "--json").out
        if '"console-closed"' in lines or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    assert '"console-opened"' in lines and '"code": "left"' in lines
    secret = found["ticket"]
    assert secret not in server.log.read_text() and secret not in lines
    with signed_in(server, "admin") as browser:
        assert "console closed" in browser.get("/audit", headers={"Accept-Language": "en"}).text


def test_a_ticket_is_good_once_and_for_its_bearer_and_console_only(
    server: Server, machine: Machine, operator: httpx.Client
) -> None:
    mine = bearer(operator)
    once = ticket(operator, machine.uuid, "vnc")
    with opened(server, once, mine) as socket:
        Screen(socket)
    assert refused(lambda: opened(server, once, mine)) == (409, "ticket-refused")

    with server.client(server.key("admin", "read", "act")) as other:
        stolen = ticket(operator, machine.uuid, "vnc")
        assert refused(lambda: opened(server, stolen, bearer(other))) == (409, "ticket-refused")
        assert refused(lambda: opened(server, stolen, mine)) == (409, "ticket-refused")

    screen = ticket(operator, machine.uuid, "vnc")
    serial = {**screen, "path": f"{V1}/console/serial"}
    assert refused(lambda: opened(server, serial, mine)) == (409, "ticket-refused")
    assert refused(lambda: opened(server, screen, mine)) == (409, "ticket-refused")

    none = {**screen, "protocols": ["lifebuoy.console"]}
    made_up = {**screen, "protocols": ["lifebuoy.console", "lifebuoy.ticket.made-up"]}
    for wrong in (none, made_up):
        assert refused(lambda found=wrong: opened(server, found, mine)) == (409, "ticket-refused")  # type: ignore[misc]
    fresh = ticket(operator, machine.uuid, "vnc")
    assert refused(lambda: opened(server, fresh, {})) == (401, "not-signed-in")


def test_a_ticket_expires(server: Server, machine: Machine, operator: httpx.Client) -> None:
    late = ticket(operator, machine.uuid, "vnc")
    assert late["expires_s"] == _LIFE_S
    time.sleep(_LIFE_S + 0.5)
    assert refused(lambda: opened(server, late, bearer(operator))) == (409, "ticket-refused")


def test_a_page_elsewhere_cannot_open_a_console_with_somebodys_cookie(
    server: Server, machine: Machine, operator: httpx.Client
) -> None:
    with signed_in(server, "operator") as browser:
        browser.headers["X-CSRF-Token"] = csrf_of(browser)
        mine, good = cookie(browser), server.url

        def tried(origin: str | None, **more: str) -> tuple[int, str]:
            found = ticket(browser, machine.uuid, "vnc")
            return refused(lambda: opened(server, found, mine | more, origin=origin))

        assert tried("https://elsewhere.example") == (403, "forbidden")
        assert tried(None) == (403, "forbidden")
        assert tried(good, **{"Sec-Fetch-Site": "cross-site"}) == (403, "forbidden")
        found = ticket(browser, machine.uuid, "vnc")
        with opened(server, found, mine, origin=good) as socket:
            Screen(socket)


def test_a_name_that_is_not_ours_is_refused(
    server: Server, machine: Machine, operator: httpx.Client
) -> None:
    """A page elsewhere whose name was made to lead here gets no WebSocket."""
    found = ticket(operator, machine.uuid, "vnc")
    with server.client() as client:
        answer = client.get(
            found["path"],
            headers={
                **bearer(operator),
                "Host": "elsewhere.example",
                "Upgrade": "websocket",
                "Connection": "Upgrade",
                "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
                "Sec-WebSocket-Protocol": ", ".join(found["protocols"]),
            },
        )
    assert answer.status_code == 403


def test_who_may_not_act_gets_no_ticket(
    server: Server, machine: Machine, operator: httpx.Client
) -> None:
    wanted = {"kind": "vnc"}
    with server.client(server.key("operator", "read")) as reader:
        answer = reader.post(f"{path(machine)}/console/tickets", json=wanted)
        assert answer.status_code == 403
    with server.client(server.key("owner", "read", "act")) as owner:
        answer = owner.post(f"{path(machine)}/console/tickets", json=wanted)
        assert (answer.status_code, answer.json()["code"]) == (404, "instance-not-found")
        assert owner.get(f"{path(machine)}/screenshot").status_code == 404


def test_one_serial_console_is_open_until_somebody_takes_it_over(
    server: Server, machine: Machine, operator: httpx.Client
) -> None:
    mine = bearer(operator)
    with opened(server, ticket(operator, machine.uuid, "serial"), mine) as first:
        with opened(server, ticket(operator, machine.uuid, "serial"), mine) as second:
            assert ending(second)[0] == TAKEN
        force = ticket(operator, machine.uuid, "serial", force=True)
        with opened(server, force, mine) as third:
            code, why = ending(first)
            assert (code, why.split()[0]) == (TAKEN, "taken")
            stop(operator, machine)
            assert ending(third)[0] == STOPPED


def test_consoles_end_with_the_key_the_session_and_the_right_to_the_instance(
    server: Server, machine: Machine, operator: httpx.Client
) -> None:
    made = machine.command("api-key", "add", "operator", "--scope", "act", "--json").json("api-key")
    with ExitStack() as open_:
        program = open_.enter_context(server.client(made["key"]))
        browser = open_.enter_context(signed_in(server, "operator"))
        browser.headers["X-CSRF-Token"] = csrf_of(browser)
        by_key = open_.enter_context(
            opened(server, ticket(program, machine.uuid, "vnc"), bearer(program))
        )
        by_cookie = open_.enter_context(
            opened(server, ticket(browser, machine.uuid, "vnc"), cookie(browser), origin=server.url)
        )
        owner = open_.enter_context(server.client(server.key("owner", "read", "act")))
        admin = open_.enter_context(server.client(server.key("admin", "administer")))
        given = f"{V1}/accounts/owner/instances/-/{machine.uuid}"
        assert admin.put(given).status_code == 204
        by_right = open_.enter_context(
            opened(server, ticket(owner, machine.uuid, "vnc"), bearer(owner))
        )
        others = open_.enter_context(
            opened(server, ticket(operator, machine.uuid, "vnc"), bearer(operator))
        )
        machine.command("api-key", "remove", made["api_key"]["id"])
        assert browser.post("/logout").status_code == 303
        assert admin.delete(given).status_code == 204
        for socket in (by_key, by_cookie, by_right):
            assert ending(socket) == (SIGNED_OUT, "signed-out")
        Screen(others)


def test_a_console_ends_when_its_instance_does(
    server: Server, machine: Machine, operator: httpx.Client
) -> None:
    with opened(server, ticket(operator, machine.uuid, "vnc"), bearer(operator)) as socket:
        Screen(socket)
        stop(operator, machine)
        assert ending(socket) == (STOPPED, "stopped")
    answer = operator.post(f"{path(machine)}/console/tickets", json={"kind": "vnc"})
    assert (answer.status_code, answer.json()["code"]) == (409, "not-allowed")
    assert "STOPPED" in answer.json()["detail"]


def test_only_so_many_consoles_are_open_at_one_instance(
    server: Server, machine: Machine, operator: httpx.Client
) -> None:
    mine = bearer(operator)
    with ExitStack() as open_:
        for _ in range(6):
            found = ticket(operator, machine.uuid, "vnc")
            Screen(open_.enter_context(opened(server, found, mine)))
        with opened(server, ticket(operator, machine.uuid, "vnc"), mine) as further:
            assert ending(further)[0] == TOO_MANY


def test_what_no_viewer_says_ends_the_console(
    server: Server, machine: Machine, operator: httpx.Client
) -> None:
    with opened(server, ticket(operator, machine.uuid, "vnc"), bearer(operator)) as socket:
        Screen(socket)
        socket.send(b"\x63 is no message of a viewer")
        assert ending(socket)[0] == MISUSED


def test_a_picture_of_the_screen_is_a_png_that_is_sent_once(
    machine: Machine, operator: httpx.Client
) -> None:
    full = operator.get(f"{path(machine)}/screenshot")
    assert full.headers["content-type"] == "image/png" and full.content.startswith(b"\x89PNG")
    small = operator.get(f"{path(machine)}/screenshot", params={"size": "small"})
    assert int.from_bytes(small.content[16:20]) == 320 < int.from_bytes(full.content[16:20])
    deadline = time.monotonic() + 30
    while True:  # until the firmware has said all that it says
        tag = operator.get(f"{path(machine)}/screenshot").headers["etag"]
        same = operator.get(f"{path(machine)}/screenshot", headers={"If-None-Match": tag})
        if same.status_code == 304:
            assert same.content == b""
            return
        assert time.monotonic() < deadline


def test_the_pages_offer_what_can_work(
    server: Server, machine: Machine, operator: httpx.Client
) -> None:
    """A screen without a port has no file for a viewer, and its page says so."""
    page = f"/instances/-/{machine.uuid}"
    with signed_in(server, "operator") as browser:
        browser.headers["Accept-Language"] = "en"
        shown = browser.get(f"{page}/console")
        assert "has no port" in shown.text and "console.vv" not in shown.text
        assert "img-src 'self' data:;" in shown.headers["content-security-policy"]
        assert browser.get(f"{page}/console.vv").status_code == 404
        assert "data:" not in browser.get(f"{page}/serial").headers["content-security-policy"]
        assert browser.get(f"{page}/screen").headers["content-type"] == "image/png"
        stop(operator, machine)
        picture = browser.get(f"{page}/screen")
        assert picture.headers["content-type"] == "image/svg+xml" and "no picture" in picture.text
        assert browser.get(f"{page}/console").status_code == 409
        assert f"{page}/console" not in browser.get(page).text


def test_the_end_of_the_server_ends_its_consoles(machine: Machine, server: Server) -> None:
    """The last test of this module, as it ends the server."""
    with server.client(server.key("operator", "read", "act")) as client:
        if client.get(path(machine)).json()["state"] == "STOPPED":
            made = client.post(f"{path(machine)}/start")
            assert ended(client, made.json()["id"])["state"] == "done"
        with opened(server, ticket(client, machine.uuid, "serial"), bearer(client)) as socket:
            assert server.end(signal.SIGTERM) == 0
            assert ending(socket)[0] == 1012
    server.start()
    with server.client(server.key("operator", "read", "act")) as client:
        assert client.get(path(machine)).json()["state"] == "RUNNING"
