"""The web console in a browser: Debian's Chromium against the server as it is run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.api.conftest import played  # noqa: F401  # the server of those tests
from tests.api.embedded import embedded
from tests.api.server import PASSWORD, V1, Server, ended, serving
from tests.api.test_instances import UUID
from tests.browser.looking import CHROMIUM, chromium


@pytest.fixture
def page() -> Iterator[Page]:
    """A page in which any error fails the test."""
    if CHROMIUM is None:
        pytest.skip("needs Debian's package chromium")
    errors: list[str] = []
    with chromium() as browser:
        made = browser.new_page(locale="zh-CN")
        made.on("pageerror", lambda error: errors.append(str(error)))
        made.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        yield made
    assert errors == []


def test_an_operator_signs_in_sees_the_list_and_shuts_an_instance_down_by_keyboard(
    played: Server,  # noqa: F811
    page: Page,
    tmp_path: Path,
) -> None:
    page.goto(played.url)
    page.get_by_label("账号").fill("operator")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    row = page.get_by_role("row", name="test")
    expect(row).to_contain_text("运行中")
    page.get_by_role("searchbox").fill("nothing like it")
    expect(page.get_by_text("没有符合条件的实例。")).to_be_visible()
    page.get_by_role("searchbox").fill("tes")
    row.get_by_role("link").focus()
    page.keyboard.press("Enter")
    menu = page.get_by_role("button", name="更多操作")
    menu.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="开机")).to_be_disabled()
    page.screenshot(path=tmp_path / "details.png")
    page.locator(".menu").get_by_role("link", name="关机").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("强制关机")
    dialog.get_by_role("button", name="关机").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".state.STOPPED")).to_be_visible()
    expect(page.locator(".outcome.done")).to_be_visible()


def test_the_password_is_judged_as_it_is_typed(played: Server, page: Page) -> None:  # noqa: F811
    with played.client(played.key("operator", "read", "act")) as client:
        start = client.post(f"{V1}/instances/-/{UUID}/start")
        if start.status_code == 202:
            ended(client, start.json()["id"])
    sign_in(page, played, "operator")
    page.get_by_role("row", name="test").get_by_role("link").click()
    page.get_by_role("button", name="更多操作").click()
    page.locator(".menu").get_by_role("link", name="进入救援模式").click()
    dialog = page.get_by_role("dialog")
    kept = dialog.locator(".rule .kept")
    dialog.get_by_label("密码", exact=True).fill("abc")
    expect(kept).to_have_count(1)
    dialog.get_by_label("密码", exact=True).fill("Quiet-Word-5")
    expect(kept).to_have_count(3)
    dialog.get_by_label("确认密码").fill("Quiet-Word-5")
    expect(kept).to_have_count(4)
    page.keyboard.press("Escape")
    expect(dialog).not_to_be_visible()
    assert "Quiet-Word-5" not in page.content()


def test_entering_is_shown_as_it_happens_and_taken_back_when_cancelled(page: Page) -> None:
    with embedded() as machine:
        before = machine.dump()
        with serving(machine.command) as server:
            entering(page, server)
            expect(page.locator(".steps .to-come").last).to_have_text("完成")
            expect(page.locator("h1 .state")).to_have_text("正在进入救援模式")
            taken_back(page)
        assert machine.dump() == before


def sign_in(page: Page, server: Server, name: str) -> None:
    page.goto(server.url)
    page.get_by_label("账号").fill(name)
    page.get_by_label("密码").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("table")).to_be_visible()


def entering(page: Page, server: Server) -> None:
    """An admin begins an entering of 'vm' by its page, which then waits until it can be logged in
    to."""
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


def taken_back(page: Page, timeout_ms: float = 30_000) -> None:
    """It is cancelled, and the instance is what it was."""
    page.get_by_role("button", name="取消并恢复原状").click()
    expect(page.locator(".outcome")).to_have_text("已取消", timeout=timeout_ms)
    expect(page.locator("h1 .state")).to_have_text("已停止")
