"""Pages behind nginx, as docs/operate sets it up: live, and there again after a restart."""

from __future__ import annotations

import shutil
import signal
import tempfile
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.api.embedded import embedded
from tests.api.nginx import behind
from tests.api.server import V1, ended
from tests.browser.looking import CHROMIUM, chromium
from tests.browser.test_console import entering, taken_back
from tests.conftest import SHORT_TMP

_SLOW_MS = 60_000


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
def test_a_page_follows_what_happens_survives_a_restart_and_shows_a_console() -> None:
    errors: list[str] = []
    folder = Path(tempfile.mkdtemp(prefix="lbn-", dir=SHORT_TMP))
    try:
        with (
            embedded() as machine,
            behind(machine.command, folder) as server,
            chromium() as browser,
        ):
            page = browser.new_context(ignore_https_errors=True, locale="zh-CN").new_page()
            page.on("pageerror", lambda error: errors.append(str(error)))
            entering(page, server)
            server.end(signal.SIGKILL)
            lost = page.locator("#connection")
            expect(lost).to_contain_text("连接已断开", timeout=_SLOW_MS)
            server.start()
            expect(lost).to_be_empty(timeout=_SLOW_MS)
            taken_back(page, _SLOW_MS)

            with server.client(server.key("ana", "read", "act")) as client:
                started = client.post(f"{V1}/instances/-/{machine.uuid}/start").json()["id"]
                assert ended(client, started)["state"] == "done"
            for kind in ("console", "serial"):
                page.goto(f"{server.url}/instances/-/{machine.uuid}/{kind}")
                expect(page.locator("#console")).to_have_attribute(
                    "data-state", "connected", timeout=_SLOW_MS
                )
    finally:
        shutil.rmtree(folder)
    assert errors == []
