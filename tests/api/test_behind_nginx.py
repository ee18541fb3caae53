"""The server behind a real nginx that is set up as docs/operate tells: all of it passes, at once,
and nobody can claim to come from elsewhere."""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from lifebuoy.client.link import Link
from tests.api.embedded import Machine, embedded
from tests.api.nginx import PAGES, Proxied, behind, documented
from tests.api.pages import csrf_of
from tests.api.remote import Remote
from tests.api.server import PASSWORD, V1, ended, events
from tests.api.viewing import Screen, bearer, cookie, ticket
from tests.conftest import SHORT_TMP
from tests.libvirt.command import until

CLIENT, OTHER, FORGED = "127.0.0.2", "127.0.0.3", "203.0.113.9"
FORGERY: Final = {"X-Forwarded-For": FORGED, "X-Real-IP": FORGED, "Forwarded": f"for={FORGED}"}
#: So many sign-ins from an address may be refused before the next one must wait.
_FREE: Final = 30


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    with embedded() as made:
        yield made


@pytest.fixture(scope="module")
def server(machine: Machine) -> Iterator[Proxied]:
    """Behind nginx; 'ana' is an operator."""
    folder = Path(tempfile.mkdtemp(prefix="lbn-", dir=SHORT_TMP))
    try:
        with behind(machine.command, folder) as made:
            made.account("ana", "operator")
            yield made
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def key(server: Proxied) -> str:
    return server.key("ana", "read", "act")


def test_both_pages_show_the_same_configuration() -> None:
    assert documented(PAGES[0]) == documented(PAGES[1])


def sign_in(
    client: httpx.Client, server: Proxied, name: str = "ana", password: str = PASSWORD
) -> httpx.Response:
    form = {"name": name, "password": password}
    return client.post("/login", data=form, headers=FORGERY | {"Origin": server.url})


def audit(machine: Machine) -> str:
    return machine.command("audit", "--json").out


def test_somebody_signs_in_sees_the_list_and_is_known_by_the_address_that_he_has(
    server: Proxied, machine: Machine
) -> None:
    with server.client(come_from=CLIENT) as client:
        answer = sign_in(client, server)
        assert answer.status_code == 303, answer.text
        assert "secure" in answer.headers["set-cookie"].lower()
        assert answer.headers["location"] == "/"
        shown = client.get("/instances", headers={"Accept-Language": "en"})
        assert shown.status_code == 200 and "vm" in shown.text
        assert shown.headers["strict-transport-security"].startswith("max-age=")
        other = {"Origin": "https://elsewhere.example"}
        assert client.post("/logout", headers=other).status_code == 403
        assert client.get("/instances", headers={"Host": "elsewhere.example"}).status_code == 422
    assert f"from {CLIENT}" in audit(machine) and FORGED not in audit(machine)


def test_events_come_at_once_and_not_only_at_the_end(
    server: Proxied, machine: Machine, key: str
) -> None:
    with server.client(key) as client:
        body = {"password": "Quiet-Word-5"}
        made = client.post(f"{V1}/instances/-/{machine.uuid}/rescue/enter", json=body).json()["id"]
        told = events(client, made)
        for name, one in told:  # it waits for a rescue system that never answers
            assert name == "operation" and not one["finished"]
            if one["steps"] and one["steps"][-1]["name"].startswith("wait until"):
                break
        client.post(f"{V1}/operations/{made}/cancel")
        last = [one for name, one in told if name == "operation"][-1]
        assert last["finished"] and last["state"] == "cancelled"


@pytest.fixture
def running(server: Proxied, machine: Machine, key: str) -> Iterator[httpx.Client]:
    """Somebody with a key, while the machine runs."""
    with server.client(key, come_from=CLIENT) as client:
        place = f"{V1}/instances/-/{machine.uuid}"
        if client.get(place).json()["state"] == "STOPPED":
            started = client.post(f"{place}/start").json()["id"]
            assert ended(client, started)["state"] == "done"
        yield client


def opened(
    server: Proxied, found: dict[str, Any], headers: dict[str, str], origin: str | None = None
) -> ClientConnection:
    return connect(
        f"wss{server.url.removeprefix('https')}{found['path']}",
        ssl=server.trusts,
        origin=Origin(origin) if origin else None,
        subprotocols=[Subprotocol(one) for one in found["protocols"]],
        additional_headers=headers | FORGERY,
        source_address=(CLIENT, 0),
        compression=None,
    )


def test_consoles_pass_for_a_key_and_for_a_page_and_their_viewers_address_is_known(
    server: Proxied, machine: Machine, running: httpx.Client
) -> None:
    found = ticket(running, machine.uuid, "vnc")
    with opened(server, found, bearer(running)) as socket:
        screen = Screen(socket)
        screen.ask()
        assert screen.take(1) == b"\0"
    with server.client(come_from=CLIENT) as browser:
        assert sign_in(browser, server).status_code == 303
        browser.headers.update({"X-CSRF-Token": csrf_of(browser), "Origin": server.url})
        found = ticket(browser, machine.uuid, "vnc")
        with opened(server, found, cookie(browser), server.url) as socket:
            Screen(socket)
    with opened(server, ticket(running, machine.uuid, "serial"), bearer(running)) as socket:
        assert socket.recv(30) == b""
    assert until(lambda: audit(machine).count('"console-closed"') == 3)
    told = [json.loads(line) for line in audit(machine).splitlines()]
    opened_from = {one["detail"] for one in told if one["event"] == "console-opened"}
    assert opened_from == {f"from {CLIENT}"}


@dataclass(frozen=True)
class Trusting(Remote):
    """Is told of the authority of the certificate."""

    authority: Path = Path()

    def environment(self) -> dict[str, str]:
        return super().environment() | {"LIFEBUOY_CLIENT__CA_FILE": str(self.authority)}


@pytest.mark.usefixtures("running")
def test_the_command_line_goes_through_it(server: Proxied, machine: Machine, key: str) -> None:
    command = Trusting("", machine.command.home, server.url, key, server.authority)
    listed = command("list", "--json")
    assert listed.status == 0, listed.err
    status, shown = command.at_a_terminal(["console", "vm"], [("Connected", b"\x1d")])
    assert status == 0 and "Left the console" in shown, shown


def test_who_guesses_is_slowed_down_by_his_own_address_and_nobody_else(server: Proxied) -> None:
    def tried(come_from: str, number: int) -> int:
        with server.client(come_from=come_from) as client:
            client.headers["X-Forwarded-For"] = f"198.51.100.{number}"
            form = {"name": f"nobody{number}", "password": "a guess"}
            return client.post("/login", data=form, headers={"Origin": server.url}).status_code

    guesses = 0
    while tried(OTHER, guesses) == 401:
        guesses += 1
        assert guesses < _FREE + 10, "each claims to come from elsewhere"
    assert guesses >= _FREE
    assert tried(CLIENT, guesses + 1) == 401


def test_what_is_too_large_is_refused_and_what_comes_in_pieces_is_not(
    server: Proxied, machine: Machine, key: str
) -> None:
    with server.client(key) as client:
        renew = f"{V1}/instances/-/{machine.uuid}/renew"
        ours = client.post(renew, content=b" " * 100_000, headers={"Content-Type": "text/plain"})
        assert (ours.status_code, ours.json()["code"]) == (413, "too-large")
        assert client.post(renew, content=b" " * 2_000_000).status_code == 413
        pieces = iter([b'{"days"', b": 3}"])  # whose length is not told
        taken = client.post(renew, content=pieces, headers={"Content-Type": "application/json"})
        assert taken.status_code == 200, taken.text


def test_a_server_that_is_away_is_told_of_by_nginx_and_waited_for(
    server: Proxied, key: str
) -> None:
    said: list[str] = []
    with Link(server.url, key, server.authority, said.append) as link:
        assert link.get("/session")["account"] == "ana"
        assert server.end() == 0
        with server.client(key) as client:
            assert client.get(f"{V1}/session").status_code == 502
        soon = threading.Timer(2.0, server.start)
        soon.start()
        try:
            assert link.get("/session")["account"] == "ana"
        finally:
            soon.join()
    assert len(said) == 1 and "does not answer" in said[0]
