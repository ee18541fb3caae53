"""What outlives a session asks once more who is at the browser: a stolen cookie makes no key."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx
import pytest

from lifebuoy.accounts.secret import token_hash
from lifebuoy.store import open_database
from lifebuoy.store.tables import sessions
from lifebuoy.store.times import stamp
from tests.api.openid import provider, sent, signed_in_there, with_provider
from tests.api.pages import csrf_of, signed_in
from tests.api.server import PASSWORD, V1, Server
from tests.api.test_second_factor_pages import turned_on

OTHER: Final = "another horse battery"
WRONG: Final = "not the password"
_READ: Final = {"scopes": ["read"]}


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


@pytest.fixture
def admin(played: Server) -> Iterator[httpx.Client]:
    """An admin's browser: what his cookie alone is worth."""
    with signed_in(played, "admin") as client:
        client.headers["X-CSRF-Token"] = csrf_of(client)
        yield client


#: What makes something that is there after the session: method, path, body.
LASTING: Final[tuple[tuple[str, str, dict[str, Any]], ...]] = (
    ("POST", "session/keys", _READ),
    ("POST", "accounts/owner/keys", _READ),
    ("POST", "accounts", {"name": "mallory", "role": "admin", "password": OTHER}),
    ("PATCH", "accounts/owner", {"role": "admin"}),
    ("PUT", "accounts/owner/password", {"password": OTHER}),
    ("DELETE", "accounts/owner/second-factor", {}),
)


@pytest.mark.parametrize(("method", "path", "body"), LASTING)
def test_a_session_alone_makes_nothing_that_outlives_it(
    admin: httpx.Client, method: str, path: str, body: dict[str, Any]
) -> None:
    before = admin.get(f"{V1}/accounts").json(), admin.get(f"{V1}/accounts/owner/keys").json()
    refused = admin.request(method, f"{V1}/{path}", json=body or None)
    assert code(refused) == (403, "prove-again") and "current" in refused.json()["hint"]
    if body:
        wrong = admin.request(method, f"{V1}/{path}", json=body | {"current": WRONG})
        assert code(wrong) == (403, "forbidden") and WRONG not in wrong.text
        # accepted, so that the next test is not slowed down
        key = admin.post(f"{V1}/session/keys", json=_READ | {"current": PASSWORD}).json()
        assert admin.delete(f"{V1}/session/keys/{key['api_key']['id']}").status_code == 204
    after = admin.get(f"{V1}/accounts").json(), admin.get(f"{V1}/accounts/owner/keys").json()
    assert before == after


FORMS: Final[tuple[tuple[str, dict[str, str]], ...]] = (
    ("/account/keys", {"scope": "read"}),
    ("/accounts/owner/keys", {"scope": "read"}),
    (
        "/accounts/add",
        {"name": "mallory", "role": "admin", "password": OTHER, "again": OTHER},
    ),
    ("/accounts/owner/role", {"role": "admin"}),
    ("/accounts/owner/password", {"password": OTHER, "again": OTHER}),
    ("/accounts/owner/second-factor/remove", {}),
)


@pytest.mark.parametrize(("path", "form"), FORMS)
def test_so_do_the_pages_and_they_have_a_field_for_it(
    admin: httpx.Client, path: str, form: dict[str, str]
) -> None:
    shown = admin.post(path, data=form)
    assert shown.status_code == 403 and "your present password is asked for" in shown.text
    assert "Show once more who you are" in shown.text
    assert not re.search(r"lifebuoy_[\w-]{20,}", shown.text)
    if "second-factor" not in path:  # which the owner has not
        assert 'name="current"' in shown.text
    assert admin.get(f"{V1}/accounts/mallory").status_code == 404


def test_a_program_makes_keys_with_the_scope_for_it_and_is_asked_for_no_password(
    played: Server,
) -> None:
    path = f"{V1}/accounts/operator/keys"
    with played.client(played.key("admin", "administer")) as program:
        made = program.post(path, json=_READ)
        assert made.status_code == 201
        assert program.delete(f"{path}/{made.json()['api_key']['id']}").status_code == 204
    with played.client(played.key("admin", "read", "act")) as program:
        assert code(program.post(path, json=_READ)) == (403, "forbidden")


def test_guessing_the_password_in_a_session_is_slowed_down_like_signing_in(played: Server) -> None:
    played.account("sue", "operator")
    with signed_in(played, "sue") as sue:
        sue.headers["X-CSRF-Token"] = csrf_of(sue)
        for _ in range(5):
            asked = _READ | {"current": WRONG}
            assert code(sue.post(f"{V1}/session/keys", json=asked)) == (403, "forbidden")
        late = sue.post(f"{V1}/session/keys", json=_READ | {"current": PASSWORD})
        assert code(late) == (429, "too-many-tries") and int(late.headers["retry-after"]) > 0
        assert sue.get(f"{V1}/session/keys").json()["api_keys"] == []
    refused = [line for line in audit(played, "sue") if line["event"] == "sign-in-refused"]
    assert len(refused) == 5 and "password once more" in refused[0]["detail"]


def audit(server: Server, who: str) -> list[dict[str, Any]]:
    with server.client(server.key("admin", "read", "administer")) as client:
        asked: dict[str, str | int] = {"by": who, "limit": 500}
        found: list[dict[str, Any]] = client.get(f"{V1}/audit", params=asked).json()["entries"]
        return found


def test_an_admin_takes_the_second_factor_from_who_has_lost_it(
    played: Server, admin: httpx.Client
) -> None:
    played.account("eva", "owner")
    path = "/accounts/eva/second-factor/remove"
    with signed_in(played, "eva") as eva:
        assert "It has none." in admin.get("/accounts/eva").text
        told = admin.get(f"{V1}/accounts/eva/second-factor").json()
        assert told == {"on": False, "since": "", "recovery": 0}
        turned_on(eva, "eva")
        told = admin.get(f"{V1}/accounts/eva/second-factor").json()
        assert told["on"] and told["since"] and told["recovery"] == 10
        shown = admin.get("/accounts/eva").text
        assert "Take the second factor away" in shown and "10 recovery codes are left" in shown
        wrong = admin.post(path, data={"current": WRONG})
        assert wrong.status_code == 403 and "not the present password" in wrong.text
        assert eva.get("/account").status_code == 200
        done = admin.post(path, data={"current": PASSWORD})
        assert done.headers["location"] == "/accounts/eva?done=true"
        assert eva.get("/account").status_code == 303, "its browsers must sign in again"
    with signed_in(played, "eva") as eva:
        assert eva.get("/account").status_code == 200, "with the password alone"
    lines = [line for line in audit(played, "admin") if line["kind"] == "second-factor-reset"]
    assert lines[0]["detail"] == "eva"
    assert admin.post(path, data={"current": PASSWORD}).status_code == 409, "it has none"


def test_nobody_takes_his_own_second_factor_away_so(played: Server, admin: httpx.Client) -> None:
    form = {"current": PASSWORD}
    own = admin.post("/accounts/admin/second-factor/remove", data=form)
    assert own.status_code == 409 and "with a code" in own.text
    with played.client(played.key("admin", "administer")) as program:
        answer = program.delete(f"{V1}/accounts/admin/second-factor")
        assert code(answer) == (409, "refused")


@pytest.fixture(scope="module")
def staff() -> Iterator[Server]:
    """A server whose people sign in at an OpenID provider."""
    with provider() as issuer, with_provider(issuer) as made:
        made.account("admin", "admin")
        yield made


def test_who_signs_in_at_a_provider_must_have_done_so_a_short_while_ago(staff: Server) -> None:
    with staff.client() as client:
        client.get(signed_in_there(sent(client, "/login/openid"), "s-100"))
        client.headers["X-CSRF-Token"] = csrf_of(client)
        shown = client.get("/account").text
        assert "within the last ten minutes" in shown
        assert shown.count('name="current"') == 1, "that of changing the password"
        made = client.post(f"{V1}/session/keys", json=_READ)
        assert made.status_code == 201, made.text
        aged(staff, client.cookies["lifebuoy_session"], timedelta(minutes=11))
        late = client.post(f"{V1}/session/keys", json=_READ)
        assert code(late) == (403, "prove-again") and late.json()["hint"] == "sign out and in again"
        page = client.post("/account/keys", data={"scope": "read"})
        assert page.status_code == 403 and "within the last 10 minutes" in page.text
        client.get(signed_in_there(sent(client, "/login/openid"), "s-100"))
        client.headers["X-CSRF-Token"] = csrf_of(client)
        assert client.post(f"{V1}/session/keys", json=_READ).status_code == 201


def test_an_old_session_of_who_signs_in_there_does_with_a_password_if_it_has_one(
    staff: Server,
) -> None:
    staff.account("lin", "owner")
    assert staff.command("account", "link", "lin", "s-103").status == 0
    with staff.client() as client:
        client.get(signed_in_there(sent(client, "/login/openid"), "s-103"))
        client.headers["X-CSRF-Token"] = csrf_of(client)
        aged(staff, client.cookies["lifebuoy_session"], timedelta(minutes=11))
        assert code(client.post(f"{V1}/session/keys", json=_READ)) == (403, "prove-again")
        asked = _READ | {"current": PASSWORD}
        assert client.post(f"{V1}/session/keys", json=asked).status_code == 201
    with signed_in(staff, "lin") as client:  # by the password: that it is new does not count
        client.headers["X-CSRF-Token"] = csrf_of(client)
        assert code(client.post(f"{V1}/session/keys", json=_READ)) == (403, "prove-again")


def aged(server: Server, token: str, by: timedelta) -> None:
    """Let a session be one that was begun so long ago."""
    (file,) = server.command.home.rglob("lifebuoy.sqlite")
    database = open_database(f"sqlite:///{file}")
    mine = sessions.c.token == token_hash(token)
    with database.writing() as connection:
        begun = stamp(datetime.now(UTC) - by)
        changed = connection.execute(sessions.update().where(mine).values(created=begun))
        assert changed.rowcount == 1
    database.close()
