"""Signing in at a real OpenID provider: there and back, who is who here, what is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.api.openid import provider, sent, signed_in_there, with_provider
from tests.api.pages import csrf_of, signed_in
from tests.api.server import PASSWORD, V1, Server

OWN: Final = "/account/openid"


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with provider() as found:
        yield found


@pytest.fixture(scope="module")
def server(issuer: str) -> Iterator[Server]:
    """One that knows the provider, with an admin of its own."""
    with with_provider(issuer) as made:
        made.account("admin", "admin")
        yield made


def come_back(client: httpx.Client, who: str, where: str = "/login/openid") -> httpx.Response:
    """What the server says to a browser that has signed in at the provider."""
    return client.get(signed_in_there(sent(client, where), who))


def told(client: httpx.Client) -> dict[str, str]:
    found: dict[str, str] = client.get(f"{V1}/session").json()
    return found


def test_somebody_new_gets_an_account_and_comes_to_where_he_wanted(server: Server) -> None:
    with server.client() as client:
        page = client.get("/login?next=/instances?q=x")
        link = re.search(r'href="(/login/openid\?next=[^"]+)">Sign in with Staff', page.text)
        assert link
        answer = come_back(client, "s-100", link[1])
        assert (answer.status_code, answer.headers["location"]) == (303, "/instances?q=x")
        cookies = answer.headers.get_list("set-cookie")
        assert any("lifebuoy_session" in one and "HttpOnly" in one for one in cookies)
        assert client.get("/instances").status_code == 200
        assert (told(client)["account"], told(client)["role"]) == ("pia", "operator")
    with server.client() as client:
        come_back(client, "s-100")
        assert told(client)["account"] == "pia"
    listed = server.command("account", "list", "--json").json("account-list")["accounts"]
    assert [one["name"] for one in listed] == ["admin", "pia"]


def test_what_is_asked_has_a_state_a_nonce_and_a_challenge_and_no_secret(server: Server) -> None:
    with server.client() as client:
        asked = [parse_qs(urlsplit(sent(client)).query) for _ in range(2)]
        for one in ("state", "nonce", "code_challenge"):
            assert asked[0][one] != asked[1][one] and len(asked[0][one][0]) >= 32
        assert asked[0]["code_challenge_method"] == ["S256"]
        assert asked[0]["response_type"] == ["code"]
        assert asked[0]["redirect_uri"] == [f"{server.url}/login/openid/callback"]
        assert "client_secret" not in asked[0]
        cookie = client.get("/login/openid").headers["set-cookie"].lower()
        assert "httponly" in cookie and "samesite=lax" in cookie and "path=/login/openid" in cookie
        assert asked[0]["state"][0] not in cookie


def test_a_name_at_the_provider_opens_no_account_that_is_called_so_here(server: Server) -> None:
    with server.client() as client:
        answer = come_back(client, "s-101")
        assert answer.status_code == 401 and "not linked" in answer.text
        assert "lifebuoy_session" not in client.cookies


def test_who_has_no_role_or_no_name_is_refused(server: Server) -> None:
    for who, why in (("s-102", "no role"), ("s-104", "no account can be called")):
        with server.client() as client:
            answer = come_back(client, who)
            assert answer.status_code == 401 and why in answer.text, who
            assert client.get("/instances").status_code == 303


def test_an_answer_that_was_tampered_with_or_is_anothers_signs_nobody_in(server: Server) -> None:
    wrong = [
        (r"state=", "state=x"),
        (r"([?&])state=[^&]*", r"\1"),
        (r"code=[^&]*", "code=made-up"),
        (r"iss=[^&]*", "iss=http%3A%2F%2F127.0.0.1%3A1"),
        (r"\?.*", ""),
        (r"\?.*", "?error=access_denied&state=x"),
    ]
    for part, other_part in wrong:
        with server.client() as client:
            back = signed_in_there(sent(client), "s-100")
            answer = client.get(re.sub(part, other_part, back))
            assert answer.status_code == 401, (part, answer.text)
            assert "lifebuoy_session" not in client.cookies
    with server.client() as client, server.client() as other:
        mine, theirs = sent(client), sent(other)
        # somebody's answer in the browser of somebody else
        assert other.get(signed_in_there(mine, "s-100")).status_code == 401
        assert server.client().get(signed_in_there(theirs, "s-100")).status_code == 401


def test_an_answer_counts_once(server: Server) -> None:
    with server.client() as client:
        address = sent(client)
        cookie = client.cookies["lifebuoy_openid"]
        back = signed_in_there(address, "s-100")
        assert client.get(back).status_code == 303
        assert "lifebuoy_openid" not in client.cookies
        assert client.get(back).status_code == 401
        client.cookies.set("lifebuoy_openid", cookie, path="/login/openid")
        assert client.get(back).status_code == 401


def test_each_sign_in_is_a_new_session_and_leads_nowhere_else(server: Server) -> None:
    with server.client() as client:
        client.cookies.set("lifebuoy_session", "planted")
        for next_ in ("//evil.example", "https://evil.example"):
            answer = come_back(client, "s-100", f"/login/openid?next={next_}")
            assert answer.headers["location"] == "/"
        session = client.cookies.get("lifebuoy_session", domain="127.0.0.1")
        come_back(client, "s-100")
        assert client.cookies.get("lifebuoy_session", domain="127.0.0.1") not in {
            session,
            "planted",
        }


def test_ones_own_account_is_linked_with_its_password_and_unlinked(server: Server) -> None:
    server.account("ben", "owner")
    with signed_in(server, "ben") as client:
        csrf = {"csrf": csrf_of(client)}
        refused = client.post(OWN, data=csrf | {"password": "not the password"})
        assert refused.status_code == 401
        assert client.post(OWN, data={"password": PASSWORD}).status_code == 403
        page = client.post(OWN, data=csrf | {"password": PASSWORD})
        there = re.search(r'href="(http://127[^"]+)"', page.text)
        assert there
        address = there[1].replace("&amp;", "&")
        assert client.get(signed_in_there(address, "s-103")).headers["location"] == OWN
        assert "is linked to somebody" in client.get(OWN).text
    with server.client() as client:
        assert come_back(client, "s-103").status_code == 303
        assert told(client)["account"] == "ben"
        csrf = {"csrf": csrf_of(client)}
        client.post(f"{OWN}/unlink", data=csrf | {"password": PASSWORD})
        assert "is not linked" in client.get(OWN).text
    with server.client() as client:
        assert come_back(client, "s-103").status_code == 401


def test_an_admin_links_and_unlinks_by_the_command_line(server: Server) -> None:
    server.account("zoe", "owner")
    assert server.command("account", "link", "zoe", "s-103").status == 0
    with server.client() as client:
        come_back(client, "s-103")
        assert told(client)["account"] == "zoe"
    taken = server.command("account", "link", "admin", "s-103")
    assert taken.status == 3
    told_ = server.command("account", "unlink", "zoe", "--json").json("account-change")
    assert told_["change"] == "unlink"
    with server.client() as client:
        assert come_back(client, "s-103").status_code == 401


def test_a_link_is_made_only_in_the_browser_of_who_asked_for_it(server: Server) -> None:
    server.account("eve", "owner")
    with signed_in(server, "eve") as client:
        data = {"csrf": csrf_of(client), "password": PASSWORD}
        there = re.search(r'href="(http://127[^"]+)"', client.post(OWN, data=data).text)
        assert there
        client.post("/logout", data={"csrf": csrf_of(client)})
        back = signed_in_there(there[1].replace("&amp;", "&"), "s-103")
        assert client.get(back).status_code == 401


def test_local_accounts_go_on_and_signing_out_leads_to_the_provider(
    server: Server, issuer: str
) -> None:
    with signed_in(server, "admin") as client:
        answer = client.post("/logout", data={"csrf": csrf_of(client)})
        page = client.get(answer.headers["location"]).text
        assert "You are signed out here." in page and "/logout/openid" in page
        assert client.get("/instances").status_code == 303
        way = client.get("/logout/openid").headers["location"]
        assert way.startswith(f"{issuer}/session/end?client_id=lifebuoy&")


def test_neither_secrets_nor_codes_are_in_the_log_or_the_files(server: Server) -> None:
    with server.client() as client:
        back = signed_in_there(sent(client), "s-100")
        client.get(back)
        token = client.cookies["lifebuoy_session"]
    code = parse_qs(urlsplit(back).query)["code"][0]
    state = server.command.home / "STATE"
    kept = b"".join(path.read_bytes() for path in state.rglob("*") if path.is_file())
    for word in (code, token, "a secret of client"):
        assert word not in server.log.read_text() and word.encode() not in kept
    shown = server.command("config", "show", "--json")
    assert "a secret of client" not in shown.out


def test_without_a_provider_there_is_no_page_for_one(played: Server) -> None:
    with signed_in(played, "owner") as client:
        for path in ("/login/openid", "/login/openid/callback", OWN, "/logout/openid"):
            assert client.get(path).status_code == 404
        assert "Sign in with" not in played.client().get("/login").text
