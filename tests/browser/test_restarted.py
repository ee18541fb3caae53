"""A server that ends in the middle of an entering, and a page that looks on."""

from __future__ import annotations

import signal

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.api.embedded import embedded
from tests.api.server import serving
from tests.browser.test_console import CHROMIUM, sign_in

_SLOW_MS = 60_000


@pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's package chromium")
@pytest.mark.parametrize(
    "how", [pytest.param(signal.SIGTERM, marks=pytest.mark.slow), signal.SIGKILL]
)
def test_the_page_waits_for_the_next_server_and_the_instance_comes_back(
    how: signal.Signals,
) -> None:
    with embedded() as machine, sync_playwright() as playwright:
        before = machine.dump()
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(locale="zh-CN")
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        with serving(machine.command) as server:
            server.account("ana", "admin")
            sign_in(page, server, "ana")
            page.get_by_role("link", name="vm").click()
            page.get_by_role("button", name="更多操作").click()
            page.locator(".menu").get_by_role("link", name="进入救援模式").click()
            dialog = page.get_by_role("dialog")
            dialog.get_by_label("密码", exact=True).fill("Quiet-Word-5")
            dialog.get_by_label("确认密码").fill("Quiet-Word-5")
            dialog.get_by_role("checkbox").set_checked(False)
            dialog.get_by_role("button", name="进入救援模式").click()
            expect(page.locator(".steps .started")).to_contain_text("等待可以登录")
            server.end(how)
            lost = page.locator("#connection")
            expect(lost).to_contain_text("连接已断开", timeout=_SLOW_MS)
            server.start()
            expect(lost).to_be_empty(timeout=_SLOW_MS)
            page.get_by_role("button", name="取消并恢复原状").click()
            expect(page.locator(".outcome")).to_have_text("已取消", timeout=_SLOW_MS)
            expect(page.locator("h1 .state")).to_have_text("已停止")
        browser.close()
        assert errors == []
        assert machine.dump() == before
