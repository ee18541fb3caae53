"""A guest that has lost its GRUB files: diagnosed, checked and mended by clicks, then it boots."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from playwright.sync_api import Page, expect

from lab import cache, guest, images, native
from lab.layout import Layout
from lifebuoy.hypervisor import connect
from tests.api.server import V1, Server, ended, serving
from tests.boot import apart, machine
from tests.browser.looking import hurdles
from tests.browser.test_console import page, sign_in  # noqa: F401  # its fixture
from tests.conftest import SHORT_TMP
from tests.libvirt.command import Command, until, validated

NAME: Final = "web1"
BOOT_S: Final = 180.0


def define(folder: Path) -> str:
    xml = machine.of_guest(Layout.BIOS, folder / "disk", name=NAME)
    with connect(f"qemu:///embed?root={folder}/libvirt", state_dir=folder) as host:
        return host.define(xml.replace('type="qcow2"', 'type="raw"')).uuid


def forget(folder: Path) -> None:
    with connect(f"qemu:///embed?root={folder}/libvirt", state_dir=folder) as host:
        for domain in host.domains():
            machine.forget(host, domain)


def broken(folder: Path) -> str:
    """A guest there that has lost its GRUB files; its UUID."""
    base = cache.folder(os.environ)
    native.raw_copy(guest.get(base, Layout.BIOS, print).base, folder / "disk")
    native.apply(folder / "disk", "grub_files_gone")
    uuid: str = apart.run(define, folder)
    return uuid


@contextmanager
def owned(make: Callable[[Path], str]) -> Iterator[tuple[Command, str]]:
    """The command of the owner of an instance that is made in a folder, and its UUID; nothing runs
    afterwards."""
    if os.geteuid() != 0:
        pytest.skip("needs root, for loop devices, mounts and the rescue image")
    folder = Path(tempfile.mkdtemp(prefix="lbk-", dir=SHORT_TMP))
    try:
        uuid = make(folder)
        (folder / "home").mkdir()
        (folder / "home" / "images").symlink_to(images.get(cache.folder(os.environ), print))
        try:
            yield Command(f"qemu:///embed?root={folder}/libvirt", folder / "home"), uuid
        finally:
            apart.run(forget, folder)
    finally:
        shutil.rmtree(folder)


@pytest.mark.turn(3, 4)  # with stories of tests/boot and tests/daemon
@pytest.mark.timeout(1500)  # three minutes where nothing else runs, and many times that elsewhere
def test_a_broken_guest_is_diagnosed_checked_and_mended_by_clicks_and_boots(
    page: Page,  # noqa: F811
    tmp_path: Path,
) -> None:
    with owned(broken) as (command, uuid), serving(command) as server:
        server.account("ana", "admin")
        with server.client(server.key("ana", "read", "act")) as client:
            sign_in(page, server, "ana")
            place = f"/instances/-/{uuid}"
            done(client, f"{V1}{place}/start", {})
            assert until(lambda: stopped_at(client, place) == "boot-loader", BOOT_S)
            diagnosed(page, server, place, tmp_path)
            enter = {"password": "Quiet-Word-5", "consent": True, "stop": "hard"}
            done(client, f"{V1}{place}/rescue/enter", enter)
            checked(page, server, place, tmp_path)
            mended(page, client, place, tmp_path)
            saved(page, client, place, tmp_path)
            left = done(client, f"{V1}{place}/rescue/exit", {"watch_s": BOOT_S})
            assert left["result"]["boot"]["verdict"] == "reached login", left
            page.goto(server.url + place + "/self-check")
            expect(page.get_by_role("heading", name="系统已启动到登录界面")).to_be_visible()


def done(client: httpx.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """The operation of that request, once it is done."""
    answer = client.post(path, json=body)
    assert answer.status_code == 202, answer.text
    found = ended(client, answer.json()["id"], BOOT_S + 60)
    assert found["state"] == "done", found
    return found


def stopped_at(client: httpx.Client, place: str) -> str:
    """The link of the chain at which the boot is seen to stop."""
    answer = client.get(f"{V1}{place}/diagnose")
    assert answer.status_code == 200, answer.text
    found = validated(answer.text, "diagnose")
    return str(found["cause"]["link"]) if found["cause"] else ""


def diagnosed(page: Page, server: Server, place: str, folder: Path) -> None:  # noqa: F811
    """What it says on its screen, before it enters."""
    page.goto(server.url + place)
    page.get_by_role("link", name="为什么无法启动").click()
    expect(page.get_by_role("heading", name="引导程序: GRUB 要加载的文件不存在。")).to_be_visible()
    expect(page.locator("mark").first).to_contain_text("normal.mod")
    expect(page.get_by_label("引导程序: 停在此处")).to_be_visible()
    expect(page.get_by_label("固件: 已通过")).to_be_visible()
    assert page.locator("img.screen").evaluate("image => image.decode().then(() => image.width)")
    expect(page.get_by_role("button", name="开始自助检测")).to_be_disabled()
    assert hurdles(page) == []
    page.screenshot(path=folder / "diagnosed.png", full_page=True)


def checked(page: Page, server: Server, place: str, folder: Path) -> None:  # noqa: F811
    """The self-check in rescue mode, its first broken link, and what would be changed."""
    page.goto(server.url + place)
    page.get_by_role("link", name="前往自助检测").click()
    page.get_by_role("button", name="开始自助检测").click()
    expect(page.get_by_text("正在检测磁盘")).to_be_visible()
    expect(page.get_by_role("heading", name="系统无法启动")).to_be_visible(timeout=BOOT_S * 1000)
    expect(page.get_by_label("分区表: 正常")).to_be_visible()
    page.get_by_role("link", name="引导程序: 损坏").click()
    assert page.url.endswith("#link-boot-loader")
    finding = page.locator("details.finding[open]")
    expect(finding).to_have_count(1)
    finding.get_by_role("button", name="预览更改").click()
    expect(finding.locator(".diff .plus").first).to_be_visible(timeout=BOOT_S * 1000)
    expect(finding).to_contain_text("未做任何更改")
    assert hurdles(page) == []
    page.screenshot(path=folder / "checked.png", full_page=True)
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 390, "height": 844})
    assert hurdles(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.screenshot(path=folder / "checked-phone.png", full_page=True)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1280, "height": 900})


def mended(page: Page, client: httpx.Client, place: str, folder: Path) -> None:  # noqa: F811
    """One finding is mended, that is taken back, all of it is mended: each step is shown, and the
    chain anew."""
    page.get_by_role("link", name="修复此项…").first.click()
    in_dialog(page, "修复")
    ends_well(page)
    expect(page.locator("details.finding.stops-boot")).to_have_count(1)
    page.get_by_role("link", name="撤销上次修复…").click()
    in_dialog(page, "撤销")
    ends_well(page)
    expect(page.get_by_text("此次检测之后进行过修复或撤销修复，请重新检测。")).to_be_visible()
    assert client.get(f"{V1}{place}/doctor").json()["outdated"]
    page.get_by_role("link", name="全部修复…").click()
    expect(page.get_by_role("dialog")).to_contain_text("被替换的内容会保留在磁盘上")
    assert hurdles(page) == []
    in_dialog(page, "修复")
    expect(page.locator(".steps")).to_contain_text(
        "修复 loader-grub-files: GRUB 能在 /boot 中找到其模块", timeout=BOOT_S * 1000
    )
    ends_well(page)
    expect(page.get_by_role("heading", name="没有发现妨碍启动的问题")).to_be_visible()
    expect(page.get_by_text("请重新检测")).not_to_be_visible()
    expect(page.locator(".chain .broken")).to_have_count(0)
    page.screenshot(path=folder / "mended.png", full_page=True)


def in_dialog(page: Page, name: str) -> None:  # noqa: F811
    """Press that button there; the page then shows the operation that it led to."""
    before = page.url
    page.get_by_role("dialog").get_by_role("button", name=name, exact=True).click()
    expect(page).not_to_have_url(before, timeout=60_000)


def ends_well(page: Page) -> None:  # noqa: F811
    """The operation that the page shows is done, and the page was loaded anew since."""
    expect(page.locator(".outcome.done")).to_be_visible(timeout=BOOT_S * 1000)
    expect(page.locator("#steps")).to_have_count(0)


def saved(page: Page, client: httpx.Client, place: str, folder: Path) -> None:  # noqa: F811
    """The report as files: one opens without the server, the other is as documented."""
    with page.expect_download() as download:
        page.get_by_role("link", name="HTML", exact=True).click()
    assert download.value.suggested_filename.startswith("self-check-web1-")
    download.value.save_as(folder / "report.html")
    with page.expect_download() as download:
        page.get_by_role("link", name="JSON", exact=True).click()
    download.value.save_as(folder / "report.json")
    report = validated((folder / "report.json").read_text(), "self-check")
    told = client.get(f"{V1}{place}/doctor").json()
    assert told["report"] == report["report"] and not told["outdated"] and told["made"]
    opens_offline(page, folder / "report.html")


def opens_offline(page: Page, file: Path) -> None:  # noqa: F811
    """The file shows the whole picture without any network."""
    browser = page.context.browser
    assert browser is not None
    alone = browser.new_context(offline=True)
    shown = alone.new_page()
    shown.goto(file.as_uri())
    expect(shown.get_by_role("heading", name="自助检测：web1")).to_be_visible()
    expect(shown.locator(".chain .station")).to_have_count(10)
    assert shown.locator(".chain").evaluate("chain => getComputedStyle(chain).maxWidth") != "none"
    assert hurdles(shown) == []
    shown.screenshot(path=file.with_suffix(".png"), full_page=True)
    alone.close()
