"""The second factor through the pages: set up, asked for, used once, demanded of a role, reset."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import pyotp
import pytest
import segno

from tests.api.pages import csrf_of, signed_in
from tests.api.server import PASSWORD, V1, Server, serving
from tests.conftest import SHORT_TMP
from tests.libvirt.command import Command

SETTINGS: Final = '[server]\nsecond_factor = ["admin"]\n'
TOTP: Final = "/account/totp"


@pytest.fixture(scope="module")
def strict() -> Iterator[Server]:
    """A server whose admins must have a second factor."""
    home = Path(tempfile.mkdtemp(prefix="lbw-", dir=SHORT_TMP))
    command = Command("test:///default", home)
    folder = Path(command.environment()["XDG_CONFIG_HOME"]) / "lifebuoy"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(SETTINGS)
    try:
        with serving(command) as server:
            yield server
    finally:
        shutil.rmtree(home)


def hidden(text: str, name: str) -> str:
    found = re.findall(rf'name="{name}" value="([^"]+)"', text)
    assert found, text
    return str(found[-1])


def key_in(text: str) -> str:
    """The app's secret, as it is written for whoever cannot scan the picture."""
    found = re.search(r'class="key">([A-Z2-7 ]+)<', text)
    assert found, text
    return found[1].replace(" ", "")


def code(secret: str, steps: int = 0) -> str:
    return pyotp.TOTP(secret).generate_otp(int(time.time()) // 30 + steps)


def is_drawn(text: str, secret: str, name: str) -> bool:
    """Whether the picture on a page is the QR code of that key."""
    issuer = "Lifebuoy (127.0.0.1)"
    uri = pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=issuer)
    rows = segno.make(uri, micro=False).matrix_iter(border=4)
    dark = {(str(x), str(y)) for y, row in enumerate(rows) for x, one in enumerate(row) if one}
    return set(re.findall(r"M(\d+) (\d+)h1v1h-1z", text)) == dark


def codes_in(text: str) -> list[str]:
    return re.findall(r"<li><code>([a-z0-9-]+)</code>", text)


def password(client: httpx.Client, name: str, next_: str = "/") -> httpx.Response:
    return client.post("/login", data={"name": name, "password": PASSWORD, "next": next_})


def turned_on(client: httpx.Client, name: str) -> tuple[str, list[str]]:
    """The secret and the recovery codes of who is signed in; the code of this step was used."""
    csrf = {"csrf": csrf_of(client)}
    page = client.post(TOTP, data=csrf | {"password": PASSWORD})
    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"
    secret, sealed = key_in(page.text), hidden(page.text, "sealed")
    assert secret not in sealed and is_drawn(page.text, secret, name)
    done = client.post(f"{TOTP}/set-up", data=csrf | {"sealed": sealed, "code": code(secret)})
    assert done.status_code == 200, done.text
    return secret, codes_in(done.text)


def test_after_the_password_a_code_is_asked_for_and_leads_on(strict: Server) -> None:
    strict.account("ann", "owner")
    with signed_in(strict, "ann") as client:
        secret, codes = turned_on(client, "ann")
        assert len(codes) == 10
        assert client.get("/instances").status_code == 200
    with strict.client() as client:
        answer = password(client, "ann", "/instances?q=x")
        assert answer.headers["location"] == "/login/code?next=/instances%3Fq%3Dx"
        assert "lifebuoy_session" not in client.cookies
        assert client.get("/instances").status_code == 303
        assert client.get(f"{V1}/session").status_code == 401
        asked = client.get(answer.headers["location"])
        wrong = client.post("/login/code", data={"code": "12"})
        assert wrong.status_code == 401 and "The code is not accepted" in wrong.text
        form = {"code": code(secret, 1), "next": hidden(asked.text, "next")}
        done = client.post("/login/code", data=form)
        assert (done.status_code, done.headers["location"]) == (303, "/instances?q=x")
        assert client.get("/instances").status_code == 200
    with strict.client() as client:
        password(client, "ann")
        assert client.post("/login/code", data=form).status_code == 401  # used already
        assert client.post("/login/code", data={"code": codes[0]}).status_code == 303
        assert "9 recovery codes are left" in client.get(TOTP).text
    for word in (secret, *codes):
        assert word not in strict.log.read_text()


def test_a_code_of_another_page_or_without_the_password_is_worth_nothing(strict: Server) -> None:
    with strict.client() as client:
        answer = client.post("/login/code", data={"code": "123456"})
        assert answer.headers["location"].startswith("/login?")
        password(client, "ann")
        evil = {"Origin": "http://evil.example"}
        for path in ("/login/code", "/login/set-up"):
            form = {"code": "123456", "sealed": "x"}
            assert client.post(path, data=form, headers=evil).status_code == 403


def test_a_browser_left_alone_is_not_enough_to_set_one_up_or_turn_it_off(strict: Server) -> None:
    strict.account("bob", "operator")
    with signed_in(strict, "bob") as client:
        csrf = {"csrf": csrf_of(client)}
        refused = client.post(TOTP, data=csrf | {"password": "not the password"})
        assert refused.status_code == 401 and "sealed" not in refused.text
        made_up = {"sealed": "gAAAAA", "code": "123456"}
        assert client.post(f"{TOTP}/set-up", data=csrf | made_up).status_code == 500
        secret, _ = turned_on(client, "bob")
        assert client.post(f"{TOTP}/off", data=csrf | {"code": "123"}).status_code == 401
        assert client.post(f"{TOTP}/off", data={"code": code(secret, 1)}).status_code == 403
        off = client.post(f"{TOTP}/off", data=csrf | {"code": code(secret, 1)})
        assert off.headers["location"] == TOTP
    with strict.client() as client:
        assert password(client, "bob").headers["location"] == "/"


def test_a_role_that_must_have_one_sets_it_up_on_the_way_in_and_keeps_it(strict: Server) -> None:
    strict.account("root", "admin")
    with strict.client() as client:
        where = password(client, "root", TOTP).headers["location"]
        shown = client.get(where)
        secret, sealed = key_in(shown.text), hidden(shown.text, "sealed")
        form = {"sealed": sealed, "next": TOTP}
        again = client.post("/login/set-up", data=form | {"code": "000"})
        assert again.status_code == 401 and key_in(again.text) == secret
        done = client.post("/login/set-up", data=form | {"code": code(secret)})
        assert len(codes_in(done.text)) == 10 and f'href="{TOTP}"' in done.text
        csrf = {"csrf": csrf_of(client)}
        assert "Turn it off" not in client.get(TOTP).text
        off = client.post(f"{TOTP}/off", data=csrf | {"code": code(secret, 1)})
        assert off.status_code == 409


def test_an_admin_resets_it_for_who_has_lost_the_app(strict: Server) -> None:
    strict.account("eve", "owner")
    key = strict.key("root", "administer")
    reset = f"{V1}/accounts/eve/second-factor"
    with signed_in(strict, "eve") as eve, strict.client(key) as admin:
        assert admin.delete(reset).status_code == 409
        turned_on(eve, "eve")
        assert admin.delete(reset).status_code == 204
        assert eve.get("/instances").status_code == 303
        assert password(eve, "eve").headers["location"] == "/"
        turned_on(eve, "eve")
    told = strict.command("account", "totp-reset", "eve", "--json").json("account-change")
    assert told["change"] == "totp-reset"
    with strict.client() as client:
        assert password(client, "eve").headers["location"] == "/"


def test_the_pages_of_signing_in_speak_chinese(strict: Server) -> None:
    with signed_in(strict, "bob") as client:
        assert "两步验证" in client.get(TOTP, headers={"Accept-Language": "zh-CN"}).text
