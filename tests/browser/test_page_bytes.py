"""What a browser loads for the page of an instance is little; noVNC, for consoles, is not in it."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from playwright.sync_api import CDPSession, Page

from tests.api.conftest import played  # noqa: F401  # the server of those tests
from tests.api.embedded import embedded
from tests.api.server import V1, Server, ended, serving
from tests.api.test_instances import UUID
from tests.browser.test_console import page, sign_in  # noqa: F401  # its browser

_MOST_BYTES: Final = 150_000
FOLDERS: Final = ("/static/", "/parts/")


def test_the_page_of_an_instance_loads_less_than_150_kb_and_styles_and_scripts_once(
    played: Server,  # noqa: F811
    page: Page,  # noqa: F811
) -> None:
    sign_in(page, played, "operator")
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.clearBrowserCache")
    sizes, paths = watched(session)
    url = f"{played.url}/instances/-/{UUID}"
    page.goto(url, wait_until="networkidle")
    assert "/static/console.css" in paths.values() and sum(sizes.values()) > 5_000
    assert sum(sizes.values()) < _MOST_BYTES, loaded(paths, sizes)
    assert not [path for path in paths.values() if "novnc" in path]
    paths.clear()
    sizes.clear()
    page.goto(url, wait_until="networkidle")
    again = loaded(paths, sizes)
    assert urlsplit(url).path in again
    assert not [path for path in again if path.startswith(FOLDERS)]


def test_the_modules_of_consoles_are_loaded_once(page: Page) -> None:  # noqa: F811
    with embedded() as machine, serving(machine.command) as server:
        server.account("ana", "admin")
        path = f"/instances/-/{machine.uuid}"
        with server.client(server.key("ana", "read", "act")) as client:
            made = client.post(f"{V1}{path}/start", json={}).json()["id"]
            assert ended(client, made)["state"] == "done"
        sign_in(page, server, "ana")
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        for kind, part in (("console", "novnc/core/rfb.js"), ("serial", "xterm/xterm.mjs")):
            sizes, paths = watched(session)
            page.goto(f"{server.url}{path}/{kind}", wait_until="networkidle")
            assert any(one.endswith(part) for one in loaded(paths, sizes))
            paths.clear()
            sizes.clear()
            page.reload(wait_until="networkidle")
            assert any(one.endswith(part) for one in paths.values())
            assert not [one for one in loaded(paths, sizes) if one.startswith(FOLDERS)]
        page.goto("about:blank")  # it would look for the server that ends


def watched(session: CDPSession) -> tuple[dict[str, float], dict[str, str]]:
    """The bytes of what comes by the network and the paths of it, by request."""
    sizes: dict[str, float] = {}
    paths: dict[str, str] = {}
    session.on(
        "Network.responseReceived",
        lambda told: paths.update({told["requestId"]: urlsplit(told["response"]["url"]).path}),
    )
    session.on(
        "Network.loadingFinished",
        lambda told: sizes.update({told["requestId"]: told["encodedDataLength"]}),
    )
    return sizes, paths


def loaded(paths: dict[str, str], sizes: dict[str, float]) -> dict[str, float]:
    """What came by the network, and how much."""
    return {path: sizes[id_] for id_, path in paths.items() if sizes.get(id_)}
