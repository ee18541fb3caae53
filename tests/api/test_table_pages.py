"""The tables of the web console without a browser: what they show to whom, and what their forms
do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

from tests.api.pages import csrf_of, signed_in
from tests.api.server import PASSWORD, V1, Server
from tests.api.test_pages import UUID

LISTS = ("/instances", "/backups", "/operations", "/audit", "/hosts", "/images")
OTHER = "another horse battery"


@pytest.fixture
def admin(played: Server) -> Iterator[httpx.Client]:
    with signed_in(played, "admin") as client:
        yield client


def posted(client: httpx.Client, path: str, **form: object) -> httpx.Response:
    return client.post(path, data={"csrf": csrf_of(client), **form})


def test_the_way_leads_to_what_one_may_see_only(played: Server, admin: httpx.Client) -> None:
    for path in (*LISTS, "/accounts"):
        shown = admin.get(path)
        assert shown.status_code == 200 and 'href="/accounts"' in shown.text, path
        assert re.search(rf'href="{path}" aria-current="page"', shown.text), path
    with signed_in(played, "owner") as owner:
        for path in LISTS:
            shown = owner.get(path)
            assert shown.status_code == 200 and 'href="/accounts"' not in shown.text, path
        for path in ("/accounts", "/accounts/admin", "/accounts/add"):
            assert owner.get(path).status_code == 403, path
        csrf = csrf_of(owner)
        for path in ("/accounts/add", "/accounts/owner/role", "/hosts/-/check"):
            form = {"csrf": csrf, "name": "x", "role": "admin", "password": OTHER, "again": OTHER}
            assert owner.post(path, data=form).status_code == 403, path
        assert "Check this host" not in owner.get("/hosts/-").text


def test_a_table_alone_is_what_a_script_gets(admin: httpx.Client) -> None:
    for path in (*LISTS[1:], "/accounts"):
        part = admin.get(path, params={"part": "true"}).text
        assert "<html" not in part and "<h1" not in part, path


def test_accounts_are_looked_through_and_sorted(admin: httpx.Client) -> None:
    names = re.findall(r'href="/accounts/([a-z]+)"', admin.get("/accounts?sort=-name").text)
    assert [one for one in names if one != "add"] == sorted(set(names) - {"add"}, reverse=True)
    found = admin.get("/accounts?q=opera").text
    assert "/accounts/operator" in found and "/accounts/owner" not in found
    assert "No account matches." in admin.get("/accounts?q=nobody+like+it").text
    assert 'aria-sort="descending"' in admin.get("/accounts?sort=-name").text
    assert admin.get("/accounts?sort=colour").status_code == 422


def test_an_account_lives_by_forms(played: Server, admin: httpx.Client) -> None:
    form = {"name": "pia", "role": "operator", "password": PASSWORD, "again": PASSWORD}
    form["current"] = PASSWORD
    differ = posted(admin, "/accounts/add", **{**form, "again": OTHER})
    assert differ.status_code == 422 and 'value="pia"' in differ.text
    assert PASSWORD not in differ.text
    assert posted(admin, "/accounts/add", **form).headers["location"] == "/accounts/pia"
    assert "There are no keys." in admin.get("/accounts/pia").text

    wrong = posted(admin, "/accounts/pia/grant", instance="test")
    assert wrong.status_code == 409 and "sees every instance" in wrong.text
    posted(admin, "/accounts/pia/role", role="owner", current=PASSWORD)
    assert posted(admin, "/accounts/pia/grant", instance="nothing").status_code == 404
    assert posted(admin, "/accounts/pia/grant", instance=UUID).status_code == 303
    shown = admin.get("/accounts/pia").text
    daemon = re.search(r'name="daemon" value="([^"]*)"', shown)
    assert daemon and "test" in shown
    with signed_in(played, "pia") as pia:
        assert pia.get(f"/instances/-/{UUID}").status_code == 200
        posted(admin, "/accounts/pia/revoke", daemon=daemon[1], instance=UUID)
        assert pia.get(f"/instances/-/{UUID}").status_code == 404
        new = {"password": OTHER, "again": OTHER, "current": PASSWORD}
        assert posted(admin, "/accounts/pia/password", **new).status_code == 303
        assert pia.get("/instances").status_code == 303
    assert "Remove for good" in admin.get("/accounts/pia/remove").text
    assert posted(admin, "/accounts/pia/remove").status_code == 303
    assert admin.get("/accounts/pia").status_code == 404
    assert posted(admin, "/accounts/admin/remove").status_code == 409


def test_a_key_is_shown_this_once_and_opens_what_it_may(
    played: Server, admin: httpx.Client
) -> None:
    form = {"label": "<b>nightly</b>", "scope": ["read"], "days": "3", "current": PASSWORD}
    made = posted(admin, "/account/keys", **form)
    key = re.search(r"lifebuoy_[\w-]{20,}", made.text)
    assert made.status_code == 200 and key and made.headers["cache-control"] == "no-store"
    shown = admin.get("/account").text
    assert key[0] not in shown and "&lt;b&gt;nightly" in shown and "<b>nightly" not in shown
    with played.client(key[0]) as program:
        assert program.get(f"{V1}/session").json()["may"] == ["read"]
        listed = admin.get(f"{V1}/session/keys").json()["api_keys"]
        id = next(one["id"] for one in listed if one["label"] == form["label"])
        assert posted(admin, f"/account/keys/{id}/remove").status_code == 303
        assert program.get(f"{V1}/session").status_code == 401
        with played.client(played.key("admin", "read")) as reader:
            refused = reader.post("/account/keys", data={"scope": "administer"})
            assert refused.status_code == 403, "a key makes no keys"
    current = {"current": PASSWORD}
    assert posted(admin, "/account/keys", **current).status_code == 422
    assert posted(admin, "/account/keys", scope="read", days="0", **current).status_code == 422


def test_ones_own_password_needs_the_present_one(played: Server) -> None:
    played.account("tom", "operator")
    with signed_in(played, "tom") as tom:
        new = {"password": OTHER, "again": OTHER}
        wrong = posted(tom, "/account/password", current="not the password", **new)
        assert wrong.status_code == 403 and "present password" in wrong.text
        assert OTHER not in wrong.text
        done = posted(tom, "/account/password", current=PASSWORD, **new)
        assert done.headers["location"].startswith("/login")
        assert tom.get("/account").status_code == 303
        again = tom.post("/login", data={"name": "tom", "password": OTHER})
        assert again.status_code == 303
    assert OTHER not in played.log.read_text()


def test_the_audit_log_is_looked_through(admin: httpx.Client) -> None:
    signed = admin.get("/audit", params={"event": "signed-in"}).text
    assert "signed in" in signed and "from 127.0.0.1" in signed
    assert "No line matches." in admin.get("/audit", params={"by": "nobody"}).text
    assert admin.get("/audit", params={"since": "soon"}).status_code == 422


def test_what_is_not_there_is_a_page_that_says_so(admin: httpx.Client) -> None:
    point = f"/instances/-/{UUID}/backups/00000000/delete"
    for path in (point, "/operations/000000000000", "/hosts/nowhere", "/accounts/nobody"):
        shown = admin.get(path)
        assert shown.status_code == 404 and 'role="alert"' in shown.text, path
    assert admin.get(f"/instances/-/{UUID}/password").status_code == 409


def test_a_host_is_checked_by_a_form(admin: httpx.Client) -> None:
    whole = posted(admin, "/hosts/-/check").text
    assert "<html" in whole and "rescue image" in whole and "libvirt" in whole
