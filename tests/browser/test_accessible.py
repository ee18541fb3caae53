"""Every page in both languages, light and dark, on a desk and on a phone: without a violation of
WCAG 2 A and AA that axe-core finds, without an error of a script, and no wider than the screen.
The languages take turns.

The pages are found, not written down here: a new one is visited too. ``LIFEBUOY_SCREENSHOTS`` names
a folder that keeps what was seen.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from fastapi.routing import APIRoute
from playwright.sync_api import Browser, Page, expect

from lifebuoy.web.app import PAGES
from tests.api.disks import with_disks
from tests.api.pages import signed_in
from tests.api.server import PASSWORD, V1, Server, ended, serving
from tests.browser.looking import AXE, CHROMIUM, chromium, hurdles

LANGUAGES: Final = ("en", "zh-CN")
#: With both languages every two of language, scheme and size come together.
LOOKS: Final = {
    "en": (("light", "desk"), ("dark", "phone")),
    "zh-CN": (("dark", "desk"), ("light", "phone")),
}
SIZES: Final = {"desk": (1280, 900), "phone": (390, 844)}
LONG: Final = "before the upgrade of everything that there is on this machine, all of it, twice"
_LOADED: Final = "() => window.htmx && !document.querySelector('.htmx-request, .loading')"
_WIDTH: Final = "() => document.documentElement.scrollWidth"

pytestmark = pytest.mark.skipif(
    CHROMIUM is None or not AXE.is_file(), reason="needs chromium and axe-core (npm ci)"
)


@dataclass
class Console:
    """The server with something in every table, and what its pages' addresses are made of."""

    server: Server
    uuid: str
    names: dict[str, str] = field(default_factory=dict)

    def paths(self) -> list[str]:
        """The address of every page, from the routes; with what there is for each parameter."""
        found = set()
        for route in (one for router in PAGES for one in router.routes):
            assert isinstance(route, APIRoute)
            if "GET" in (route.methods or ()):
                id_ = self.names["point" if "/backups/" in route.path else "operation"]
                known = {"host": "-", "uuid": self.uuid, "id": id_, "op": id_, **self.names}
                found.add(route.path.format(**known))
        return sorted(found)


@pytest.fixture(scope="module")
def console() -> Iterator[Console]:
    with with_disks() as machine, serving(machine.command) as server:
        for name, role in (("ada", "admin"), ("olga", "operator"), ("ben", "owner")):
            server.account(name, role)
        made = Console(server, machine.uuid)
        with server.client(server.key("ada", "read", "act", "administer")) as admin:
            admin.put(f"{V1}/accounts/ben/instances/-/{made.uuid}")
            admin.post(f"{V1}/accounts/ada/keys", json={"label": LONG, "scopes": ["read", "act"]})
            instance = f"{V1}/instances/-/{made.uuid}"
            for name in ("first", LONG):
                point = finished(admin, admin.post(f"{instance}/backups", json={"name": name}))
            finished(admin, admin.post(f"{instance}/backups/{point['result']['id']}/restore"))
            assert admin.post(f"{instance}/backups/{point['result']['id']}/verify").is_success
            made.names = {
                "point": point["result"]["id"],
                "operation": point["id"],
                "name": "ben",
                "image": "idle",
                "key": "00",
            }
        yield made


def finished(client: httpx.Client, answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 202, answer.text
    found = ended(client, answer.json()["id"])
    assert found["state"] == "done", found
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def shots(tmp_path: Path) -> Path:
    """Where screenshots go."""
    folder = Path(os.environ.get("LIFEBUOY_SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class Visitor:
    """Somebody with a browser in one language; ``wrong`` is all that he has found."""

    def __init__(self, browser: Browser, language: str, shots: Path) -> None:
        context = browser.new_context(locale=language)
        self.page: Page = context.new_page()
        self.wrong: list[str] = []
        self._language = language
        self._shots = shots
        self._is_refused = False
        self.page.on("pageerror", lambda error: self.wrong.append(f"{self.page.url}: {error}"))
        self.page.on("console", self._heard)

    def _heard(self, said: Any) -> None:
        told = "Failed to load resource" in said.text and self._is_refused
        if said.type == "error" and not told:
            self.wrong.append(f"{self.page.url}: {said.text}")

    def sign_in(self, server: Server, name: str) -> None:
        self.page.goto(f"{server.url}/login?next=/account")
        self.page.locator("[name=name]").fill(name)
        self.page.locator("[name=password]").fill(PASSWORD)
        self.page.keyboard.press("Enter")
        expect(self.page).to_have_url(f"{server.url}/account")

    def visit(self, url: str, name: str, status: int = 200) -> None:
        self._is_refused = status >= 400
        self.page.goto(url, wait_until="domcontentloaded")
        self.page.wait_for_function(_LOADED)
        self.look(name)

    def look(self, name: str) -> None:
        """At what is shown now, in every look of this language."""
        for scheme, size in LOOKS[self._language]:
            width, height = SIZES[size]
            self.page.set_viewport_size({"width": width, "height": height})
            self.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            where = f"{name} ({self._language}, {scheme}, {size})"
            self.wrong += [f"{where}: {one}" for one in hurdles(self.page)]
            if (wide := self.page.evaluate(_WIDTH)) > width:
                self.wrong.append(f"{where}: {wide} wide")
            shot = f"{name}.{self._language}.{scheme}.{size}.png"
            self.page.screenshot(path=self._shots / shot, full_page=True)


def name_of(path: str, console: Console) -> str:
    """What its screenshots are called."""
    path = path.replace("/hosts/-", "/host").replace(f"/-/{console.uuid}", "/instance")
    for word, value in console.names.items():
        path = path.replace(value, word)
    return path.strip("/").replace("/", "-").replace("instances-instance", "instance") or "root"


def whole_pages(console: Console) -> list[tuple[str, int]]:
    """Those that are whole pages now, and the status of each; not what scripts ask for."""
    found = []
    with signed_in(console.server, "ada") as client:
        for path in console.paths():
            with client.stream("GET", path) as answer:
                if "text/html" not in answer.headers.get("content-type", ""):
                    continue
                text = answer.read().decode()
                assert answer.status_code < 500, (path, text)
                if "<html" in text:
                    found.append((path, answer.status_code))
    return found


@pytest.mark.rotate(2)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_is_accessible(
    console: Console, browser: Browser, language: str, shots: Path
) -> None:
    visitor = Visitor(browser, language, shots)
    visitor.visit(f"{console.server.url}/login", "login")
    visitor.sign_in(console.server, "ada")
    pages = whole_pages(console)
    shown = {name_of(path, console) for path, status in pages if status == 200}
    wanted = {"instances", "instance", "backups", "operations", "audit", "hosts", "images"}
    assert shown >= wanted | {"accounts", "account", "instance-backups-create"}
    for path, status in pages:
        if path != "/login":
            visitor.visit(console.server.url + path, name_of(path, console), status)
    visitor.page.context.close()
    assert visitor.wrong == []


@pytest.mark.rotate(2)
@pytest.mark.parametrize("language", LANGUAGES)
def test_menus_and_dialogs_are_accessible(
    console: Console, browser: Browser, language: str, shots: Path
) -> None:
    visitor = Visitor(browser, language, shots)
    visitor.sign_in(console.server, "ben")
    page = visitor.page
    page.goto(f"{console.server.url}/instances/-/{console.uuid}")
    page.wait_for_function(_LOADED)
    page.locator("details.menu summary").click()
    visitor.look("menu")
    page.locator(".menu a[href$='/backups/create']").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    visitor.look("dialog")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).not_to_be_visible()
    expect(page.locator("nav a[href='/accounts']")).to_have_count(0)
    page.context.close()
    assert visitor.wrong == []


@pytest.fixture(scope="module")
def rescued(console: Console) -> Console:
    """Its instance in rescue mode: for the last tests."""
    server = console.server
    with server.client(server.key("olga", "read", "act")) as client:
        body = {"password": "Quiet-Word-5", "image": "idle", "wait": False}
        asked = client.post(f"{V1}/instances/-/{console.uuid}/rescue/enter", json=body)
        finished(client, asked)
    server.account("eve", "owner")
    return console


@pytest.mark.rotate(2)
@pytest.mark.parametrize("language", LANGUAGES)
def test_rescue_mode_and_empty_tables_are_accessible(
    rescued: Console, browser: Browser, language: str, shots: Path
) -> None:
    server = rescued.server
    visitor = Visitor(browser, language, shots)
    visitor.sign_in(server, "ada")
    base = f"{server.url}/instances/-/{rescued.uuid}"
    for path, status in whole_pages(rescued):
        if rescued.uuid in path:
            visitor.visit(server.url + path, f"rescue-{name_of(path, rescued)}", status)
    visitor.page.goto(base)
    expect(visitor.page.locator("body.rescue")).to_be_visible()
    visitor.page.context.close()
    empty = Visitor(browser, language, shots)
    empty.sign_in(server, "eve")
    for path in ("instances", "backups", "operations", "audit"):
        empty.visit(f"{server.url}/{path}", f"empty-{path}")
    empty.page.context.close()
    assert visitor.wrong + empty.wrong == []
