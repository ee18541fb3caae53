"""The consoles in a browser: what is typed reaches a real rescue system, and its answer shows.

The screen and the serial port are of one machine: what is typed on the one is heard on the other.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from lab import cache, images
from lifebuoy.doctor import screen
from tests.api.embedded import define, end_all
from tests.api.server import PASSWORD, V1, Server, ended, serving
from tests.browser.looking import CHROMIUM, chromium, hurdles
from tests.conftest import SHORT_TMP, definition
from tests.libvirt.command import Command

WORD: Final = "Rescue-Me-2026"
_SHIFTED: Final = dict(zip('~!@#$%^&*()_+{}|:"<>?', "`1234567890-=[]\\;',./", strict=True))
_KEY_MS: Final = 30
_BOOT_S: Final = 240.0
_SLOW_MS: Final = 60_000


@dataclass(frozen=True)
class Rescued:
    """A machine in rescue mode, its server, and somebody who may act on it."""

    server: Server
    client: httpx.Client
    uuid: str

    def shows(self, *wanted: str, within_s: float = _BOOT_S) -> str:
        """What its screen shows once it shows one of ``wanted``, read from a picture of it."""
        deadline = time.monotonic() + within_s
        while True:
            answer = self.client.get(f"{V1}/instances/-/{self.uuid}/screenshot")
            text = screen.read(answer.content).text if answer.status_code == 200 else ""
            if any(one in text for one in wanted):
                return text
            assert time.monotonic() < deadline, text
            time.sleep(0.5)


@pytest.fixture(scope="module")
def rescued() -> Iterator[Rescued]:
    if CHROMIUM is None:
        pytest.skip("needs Debian's package chromium")
    home = Path(tempfile.mkdtemp(prefix="lbw-", dir=SHORT_TMP))
    home.joinpath("images").symlink_to(images.get(cache.folder(os.environ), print))
    command = Command(f"qemu:///embed?root={home}/e", home)
    text = definition("vm").replace("<memory unit='MiB'>48<", "<memory unit='MiB'>1024<")
    uuid = define(command, text)
    try:
        with serving(command) as server:
            server.account("ana", "admin")
            with server.client(server.key("ana", "read", "act")) as client:
                body = {"password": WORD}
                made = client.post(f"{V1}/instances/-/{uuid}/rescue/enter", json=body)
                found = ended(client, made.json()["id"], _BOOT_S)
                assert found["state"] == "done", found
                yield Rescued(server, client, uuid)
    finally:
        end_all(command)
        shutil.rmtree(home)


@pytest.fixture
def browser() -> Iterator[BrowserContext]:
    """A browser in which any error fails the test, but such as a lost connection is."""
    errors: list[str] = []
    with chromium() as made:
        context = made.new_context(locale="en")
        context.on("weberror", lambda error: errors.append(str(error.error)))
        context.on(
            "console", lambda said: errors.append(said.text) if said.type == "error" else None
        )
        yield context
    lost = ("WebSocket", "Failed when connect", "Failed to load resource: net::")
    assert [one for one in errors if not any(word in one for word in lost)] == []


def opened(context: BrowserContext, rescued: Rescued, what: str) -> Page:
    """A page of a console, connected."""
    page = context.new_page()
    page.goto(f"{rescued.server.url}/instances/-/{rescued.uuid}/{what}")
    expect(page.locator("[data-status]")).to_have_text("Connected.", timeout=_SLOW_MS)
    return page


def keyed(page: Page, text: str) -> None:
    """Type with Shift where a US keyboard needs it, as fingers do; ``keyboard.type`` does not."""
    for char in text:
        if char in _SHIFTED or char.isupper():
            page.keyboard.press(f"Shift+{_SHIFTED.get(char, char)}", delay=_KEY_MS)
        else:
            page.keyboard.press("Enter" if char == "\n" else char, delay=_KEY_MS)


def terminal(page: Page) -> Callable[[str], None]:
    """Waits until the terminal shows a text."""
    rows = page.locator(".xterm-accessibility-tree")
    return lambda wanted: expect(rows).to_contain_text(wanted, timeout=_SLOW_MS)


def test_what_is_typed_and_pasted_reaches_the_rescue_system_and_a_lost_console_comes_back(
    rescued: Rescued, browser: BrowserContext
) -> None:
    page = browser.new_page()
    page.goto(rescued.server.url)
    page.get_by_label("Account").fill("ana")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("table")).to_be_visible()
    page.close()
    vnc, serial = opened(browser, rescued, "console"), opened(browser, rescued, "serial")
    shown = terminal(serial)
    for one in (vnc, serial):
        assert hurdles(one) == []

    serial.keyboard.press("Enter")
    shown("login:")
    serial.keyboard.type("root")
    shown("login: root")  # the guest's echo of what was typed
    serial.keyboard.press("Enter")
    shown("Password:")
    serial.keyboard.type(f"{WORD}\n")
    shown("root@vm-rescue:")
    serial.keyboard.type("stty cols 60; echo serial-$((40+2))\n")
    shown("serial-42")

    vnc.bring_to_front()
    vnc.locator("#screen canvas").focus()
    rescued.shows("login:")
    keyed(vnc, "root\n")
    rescued.shows("Password:")
    keyed(vnc, f"{WORD}\n")
    rescued.shows("root@")
    keyed(vnc, "echo screen-$((50+5)) > /dev/ttyS0\n")
    shown("screen-55")

    keys = vnc.get_by_role("button", name="Send keys")
    vnc.keyboard.press("Control+Alt+Delete")  # held back by the server
    vnc.keyboard.press("Control+Alt+Shift")
    expect(keys).to_be_focused()
    keys.click()
    expect(vnc.get_by_role("button", name="Ctrl-Alt-Del")).to_be_disabled()
    keys.click()
    vnc.get_by_text("Paste text").click()
    vnc.get_by_label("Text", exact=True).fill("echo '救'\n")
    vnc.get_by_role("button", name="Type it").click()
    expect(vnc.locator("#typed")).to_contain_text("救")
    vnc.get_by_label("Text", exact=True).fill("echo 'pasted {[|~@^`]}'-$((60+6)) > /dev/ttyS0\n")
    vnc.get_by_role("button", name="Type it").click()
    shown("pasted {[|~@^`]}-66")
    expect(vnc.get_by_label("Text", exact=True)).to_have_value("")

    rescued.server.end()
    expect(vnc.locator("[data-status]")).to_contain_text("it is tried again", timeout=_SLOW_MS)
    rescued.server.start()
    for one in (vnc, serial):
        expect(one.locator("[data-status]")).to_have_text("Connected.", timeout=_SLOW_MS)
    vnc.locator("#screen canvas").focus()
    keyed(vnc, "echo again-$((70+7)) > /dev/ttyS0\n")
    shown("again-77")
