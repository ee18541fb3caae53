"""What an attacker tries at the door: to be led elsewhere, to plant a session, to be shown what was
there before, to put words into headers, to learn who has an account, to frame a page."""

from __future__ import annotations

import json
from typing import Final

import httpx
import pytest

from tests.api.pages import csrf_of, signed_in
from tests.api.server import PASSWORD, V1, Server

SESSION: Final = "lifebuoy_session"
ELSEWHERE: Final = (
    "//evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "https://evil.example",
    "https:evil.example",
    "javascript:alert(1)",
    "/\t/evil.example",
    "/\r\nLocation: https://evil.example",
    "/\r\nSet-Cookie: lifebuoy_session=x",
    "",
)


def door(client: httpx.Client, next_: str, **headers: str) -> httpx.Response:
    form = {"name": "owner", "password": PASSWORD, "next": next_}
    return client.post("/login", data=form, headers=headers)


@pytest.mark.parametrize("where", ELSEWHERE, ids=ascii)
def test_nobody_is_led_elsewhere_or_puts_words_into_headers(played: Server, where: str) -> None:
    with played.client() as client:
        answer = door(client, where)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        script = {"HX-Request": "true"}
        told = [
            client.post("/language", data={"to": "en", "next": where}, headers=script),
            door(client, where, **script),
        ]
        assert [one.headers["hx-redirect"] for one in told] == ["/", "/"]
        assert client.cookies[SESSION] != "x"


def test_an_address_of_ours_in_any_letters_is_gone_on_to(played: Server) -> None:
    with played.client() as client:
        for headers, name in (({}, "location"), ({"HX-Request": "true"}, "hx-redirect")):
            answer = door(client, "/instances?q=实例", **headers)
            assert answer.headers[name] == "/instances?q=%E5%AE%9E%E4%BE%8B"


def test_a_planted_session_becomes_nobodys(played: Server) -> None:
    with played.client() as client:
        client.cookies.set(SESSION, "planted", domain="127.0.0.1")
        door(client, "/")
        assert client.cookies.get(SESSION, domain="127.0.0.1") != "planted"
    with played.client() as attacker:
        attacker.cookies.set(SESSION, "planted")
        assert attacker.get(f"{V1}/session").status_code == 401


def test_no_page_is_kept_for_whoever_comes_after(played: Server) -> None:
    with signed_in(played, "owner") as client:
        for path in ("/instances", "/account", "/account/totp", "/login", "/nowhere"):
            assert client.get(path).headers["cache-control"] == "no-store", path
        for path in (f"{V1}/session", f"{V1}/instances", f"{V1}/nowhere"):
            assert client.get(path).headers["cache-control"] == "no-store", path
        out = client.post("/logout", data={"csrf": csrf_of(client)})
        assert f'{SESSION}=""' in out.headers["set-cookie"]
        assert client.get("/instances").status_code == 303


def test_every_answer_is_closed_to_frames_and_other_sites(played: Server) -> None:
    with played.client() as client:
        answers = [client.get(path) for path in ("/login", "/nowhere", "/static/console.css")]
        answers += [client.put("/login"), client.post("/login", data={"name": "x"})]
        answers += [client.get("/login", headers={"Host": "evil.example"})]
        for answer in answers:
            assert answer.headers["x-frame-options"] == "DENY", answer.url
            policy = answer.headers["content-security-policy"]
            assert "frame-ancestors 'none'" in policy and "base-uri 'none'" in policy
            assert answer.headers["cross-origin-opener-policy"] == "same-origin"
            assert "access-control-allow-origin" not in answer.headers
            assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_name_that_is_nobodys_is_answered_like_a_wrong_password(played: Server) -> None:
    """The time is alike, too: the same hash is made, which a unit test looks at."""
    with played.client() as client:
        answers = [
            client.post("/login", data={"name": name, "password": "wrong password"})
            for name in ("owner", "nobody-at-all")
        ]
        first, second = (one.text.replace("nobody-at-all", "owner") for one in answers)
        assert first == second and [one.status_code for one in answers] == [401, 401]
        door(client, "/")  # so that the name's count starts anew


def test_a_header_that_forwards_is_not_believed_without_a_proxy(played: Server) -> None:
    with played.client() as client:
        forged = {"X-Forwarded-For": "192.0.2.9", "X-Forwarded-Host": "evil.example"}
        door(client, "/", **forged)
    lines = played.command("audit", "--json").out.splitlines()
    signed_in = [one for one in map(json.loads, lines) if one["event"] == "signed-in"]
    assert signed_in[-1]["detail"] == "from 127.0.0.1"
