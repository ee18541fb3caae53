"""A server that ends in the middle of an entering, and a page that looks on."""

from __future__ import annotations

import signal

import pytest
from playwright.sync_api import expect

from tests.api.embedded import embedded
from tests.api.server import serving
from tests.browser.looking import CHROMIUM, chromium
from tests.browser.test_console import entering, taken_back

_SLOW_MS = 60_000


@pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's package chromium")
@pytest.mark.parametrize(
    "how", [pytest.param(signal.SIGTERM, marks=pytest.mark.slow), signal.SIGKILL]
)
def test_the_page_waits_for_the_next_server_and_the_instance_comes_back(
    how: signal.Signals,
) -> None:
    errors: list[str] = []
    with embedded() as machine, chromium() as browser:
        before = machine.dump()
        page = browser.new_page(locale="zh-CN")
        page.on("pageerror", lambda error: errors.append(str(error)))
        with serving(machine.command) as server:
            entering(page, server)
            server.end(how)
            lost = page.locator("#connection")
            expect(lost).to_contain_text("连接已断开", timeout=_SLOW_MS)
            server.start()
            expect(lost).to_be_empty(timeout=_SLOW_MS)
            taken_back(page, _SLOW_MS)
        assert machine.dump() == before
    assert errors == []
