"""The web console without a browser: signing in, other sites' requests, pages, languages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import httpx
import pytest

from tests.api.pages import csrf_of, signed_in
from tests.api.server import PASSWORD, V1, Server, ended

UUID: Final = "6695eb01-f6a4-8304-79aa-97f2502e193f"
PAGE: Final = f"/instances/-/{UUID}"


@pytest.fixture
def operator(played: Server) -> Iterator[httpx.Client]:
    """A browser in which the operator is signed in; 'test' runs."""
    with signed_in(played, "operator") as client:
        if 'class="state STOPPED"' in client.get(PAGE).text:
            act(client, "start")
        yield client


def act(client: httpx.Client, what: str, **form: str) -> None:
    answer = client.post(f"{PAGE}/{what}", data={"csrf": csrf_of(client), **form})
    assert answer.status_code == 303, answer.text
    operation = answer.headers["location"].partition("operation=")[2]
    assert ended(client, operation)["state"] == "done"


def test_who_has_not_signed_in_is_asked_to_and_comes_back(played: Server) -> None:
    with played.client() as client:
        answer = client.get(PAGE)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/login?next={PAGE}")
        assert PAGE in client.get(answer.headers["location"]).text
        form = {"name": "operator", "password": PASSWORD, "next": PAGE}
        assert client.post("/login", data=form).headers["location"] == PAGE
        assert client.get(PAGE).status_code == 200


def test_a_sign_in_leads_nowhere_else(played: Server) -> None:
    with played.client() as client:
        for next_ in ("https://evil.example/", "//evil.example", "/\\evil.example"):
            form = {"name": "operator", "password": PASSWORD, "next": next_}
            assert client.post("/login", data=form).headers["location"] == "/"


def test_a_wrong_password_is_refused_and_not_repeated(played: Server) -> None:
    with played.client() as client:
        answer = client.post("/login", data={"name": "nobody", "password": "not-the-password"})
        assert answer.status_code == 401 and "not-the-password" not in answer.text
        assert "set-cookie" not in answer.headers
    assert "not-the-password" not in played.log.read_text()


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(played: Server) -> None:
    with played.client() as client:
        answer = client.post("/login", data={"name": "operator", "password": PASSWORD})
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie and "samesite=lax" in cookie and "path=/" in cookie


def test_signing_out_ends_the_session_on_the_server(played: Server) -> None:
    with signed_in(played, "operator") as client:
        token = client.cookies["lifebuoy_session"]
        assert client.post("/logout", data={"csrf": csrf_of(client)}).status_code == 303
        client.cookies.set("lifebuoy_session", token)
        assert client.get("/instances").status_code == 303


def test_what_no_page_of_ours_has_sent_changes_nothing(operator: httpx.Client) -> None:
    csrf = csrf_of(operator)
    tries: list[tuple[dict[str, str], dict[str, str]]] = [
        ({}, {}),
        ({"csrf": "0" * 64}, {}),
        ({"csrf": csrf}, {"Origin": "http://evil.example"}),
        ({"csrf": csrf}, {"Origin": "null"}),
        ({"csrf": csrf}, {"Sec-Fetch-Site": "cross-site"}),
    ]
    for form, headers in tries:
        for path in (f"{PAGE}/stop", "/logout"):
            answer = operator.post(path, data=form, headers=headers)
            assert answer.status_code == 403, (form, headers)
    for header in ({}, {"X-CSRF-Token": "x"}):
        answer = operator.post(f"{V1}{PAGE}/stop", json={}, headers=header)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert 'class="state RUNNING"' in operator.get(PAGE).text


def test_a_page_of_another_site_signs_nobody_in(played: Server) -> None:
    with played.client() as client:
        form = {"name": "operator", "password": PASSWORD}
        answer = client.post("/login", data=form, headers={"Origin": "http://evil.example"})
        assert answer.status_code == 403 and not client.cookies


def test_an_instance_is_shut_down_and_started_by_forms(operator: httpx.Client) -> None:
    dialog = operator.get(f"{PAGE}/stop")
    assert "can lose data" in dialog.text
    act(operator, "stop")
    shown = operator.get(PAGE).text
    assert 'class="state STOPPED"' in shown
    refused = operator.get(f"{PAGE}/stop")
    assert refused.status_code == 409 and "Not possible in this state" in refused.text
    act(operator, "start")
    assert 'class="state RUNNING"' in operator.get(PAGE).text


def test_entering_asks_for_a_password_twice_and_for_consent(operator: httpx.Client) -> None:
    dialog = operator.get(f"{PAGE}/enter").text
    assert 'name="password"' in dialog and 'name="again"' in dialog
    assert "forced shutdown" in dialog and 'name="consent"' in dialog
    form = {"csrf": csrf_of(operator), "password": "Quiet-Word-5", "again": "Quiet-Word-6"}
    for given, code in ((form, 422), (form | {"again": "Quiet-Word-5"}, 409)):
        answer = operator.post(f"{PAGE}/enter", data=given)
        assert answer.status_code == code and "Quiet-Word" not in answer.text
    assert "consent" in answer.text


def test_what_was_chosen_for_entering_stays_where_it_is_refused(operator: httpx.Client) -> None:
    form = {"csrf": csrf_of(operator), "password": "Quiet-Word-5", "again": "Quiet-Word-5"}
    form |= {"consent": "true", "stop": "hard", "ssh_keys": "ssh-rsa <none>\n\n"}
    answer = operator.post(f"{PAGE}/enter", data=form)
    assert answer.status_code == 422 and "that is no public SSH key" in answer.text
    assert "ssh-rsa &lt;none&gt;" in answer.text and 'value="hard" selected' in answer.text
    elsewhere = operator.post(f"{PAGE}/enter", data=form | {"ssh_keys": "", "image": "../x"})
    assert elsewhere.status_code == 404 and "no rescue image" in elsewhere.text
    wrong = operator.post(f"{PAGE}/enter", data=form | {"stop": "gently"})
    assert wrong.status_code == 422


def test_what_a_script_asks_for_is_a_part_of_a_page(operator: httpx.Client) -> None:
    part = operator.get(f"{PAGE}/enter", headers={"HX-Request": "true"}).text
    assert "<html" not in part and "<form" in part
    table = operator.get("/instances", params={"part": "true", "q": "nothing like it"}).text
    assert "<html" not in table and "No instance matches." in table
    assert operator.get("/instances", params={"state": "", "q": "test"}).status_code == 200


def test_the_pages_speak_both_languages(operator: httpx.Client) -> None:
    assert "More actions" in operator.get(PAGE).text
    assert "更多操作" in operator.get(PAGE, headers={"Accept-Language": "zh-CN"}).text
    operator.post("/language", data={"to": "zh-CN", "next": PAGE})
    chosen = operator.get(PAGE).text
    assert '<html lang="zh-CN">' in chosen and "进入救援模式" in chosen


def test_an_owner_sees_no_page_of_what_is_not_his(played: Server) -> None:
    with signed_in(played, "owner") as client:
        assert "There are no instances that you may see." in client.get("/instances").text
        for path in ("", "/enter", "/stop", "/leave"):
            assert client.get(PAGE + path).status_code == 404
        csrf = csrf_of(client)
        for path in ("/start", "/stop", "/reboot", "/leave"):
            assert client.post(PAGE + path, data={"csrf": csrf}).status_code == 404


def test_what_the_pages_load_is_here(played: Server) -> None:
    with played.client() as client:
        text = client.get("/login").text
        loaded = re.findall(r'(?:src|href)="(/(?:static|parts)/[^"]+)"', text)
        assert len(loaded) >= 5
        for path in loaded:
            assert client.get(path).status_code == 200, path
        assert client.get("/static/../app.py").status_code == 404
        assert client.get("/static/%2e%2e/app.py").status_code == 404


def test_who_guesses_passwords_must_wait(played: Server) -> None:
    """Last, as the address of all tests is the same."""
    played.account("guessed", "owner")
    with played.client() as client:
        wrong, right = ({"name": "guessed", "password": one} for one in ("wrong one", PASSWORD))
        wait_s = 0
        while wait_s < 2:  # on a slow machine the first wait is over before the next try
            wait_s = int(client.post("/login", data=wrong).headers.get("retry-after", 0))
        answer = client.post("/login", data=right)
        assert answer.status_code == 429 and int(answer.headers["retry-after"]) >= 1
