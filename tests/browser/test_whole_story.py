"""The whole stay by a browser alone, as a person has it who follows what the pages say.

The machine of ``make demo-web`` has lost its GRUB: entered with consent and a backup point, mended
by hand on its screen, left, and seen to boot. The pictures of docs/guide are taken on the way:
LIFEBUOY_GUIDE_PICTURES names a folder to keep them in.
"""

from __future__ import annotations

import io
import os
import re
import time
from pathlib import Path
from typing import Final

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from lifebuoy.doctor import screen
from tests.browser.looking import CHROMIUM, chromium
from tests.browser.test_demo_web import demo
from tests.browser.test_screens import keyed

WORD: Final = "Rescue-Me-2026"
_SLOW_S: Final = 240.0
_SLOW_MS: Final = _SLOW_S * 1000
#: What an owner types; the end of each shows that it is done.
_TYPED: Final = (
    ("system-mount && echo $((40+1))-mounted", "41-mounted"),
    ("system-chroot grub-install /dev/vda && echo $((40+2))-installed", "42-installed"),
    ("system-chroot update-grub && system-umount && echo $((40+3))-done", "43-done"),
)
_COLOURS: Final = 128
_PICTURES_SHOWN: Final = "Promise.allSettled([...document.images].map(one => one.decode()))"


class Story:
    """The page, and one beside it that shows the same in Chinese for the pictures."""

    def __init__(self, page: Page, chinese: Page, folder: Path) -> None:
        self.page = page
        self._chinese = chinese
        self._folder = folder

    def picture(self, name: str, path: str = "") -> None:
        """What is shown now, or at ``path``, in both languages."""
        for language, page in (("en", self.page), ("zh", self._chinese)):
            if path or language == "zh":
                page.goto(path or self.page.url)
            page.evaluate(_PICTURES_SHOWN)
            taken = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
            kept = taken.quantize(_COLOURS, dither=Image.Dither.NONE)
            kept.save(self._folder / f"{language}-{name}.png", optimize=True)

    def shown_on_screen(self, uuid: str, wanted: str) -> None:
        """Wait until the screen of the machine shows that."""
        deadline = time.monotonic() + _SLOW_S
        text = ""
        while wanted not in text:
            assert time.monotonic() < deadline, text
            taken = self.page.request.get(f"/api/v1/instances/-/{uuid}/screenshot")
            text = screen.read(taken.body()).text if taken.ok else ""
            time.sleep(0.5)


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's package chromium")
def test_who_follows_the_pages_gets_his_machine_back(tmp_path: Path) -> None:
    folder = Path(os.environ.get("LIFEBUOY_GUIDE_PICTURES", tmp_path))
    with demo() as (url, account, password), chromium() as browser:
        pages: list[Page] = []
        errors: list[str] = []
        for language in ("en", "zh-CN"):
            context = browser.new_context(
                base_url=url, locale=language, viewport={"width": 1000, "height": 700}
            )
            page = context.new_page()
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.goto("/")
            page.locator("input[name=name]").fill(account)
            page.locator("input[name=password]").fill(password)
            page.keyboard.press("Enter")
            expect(page.locator("#table")).to_contain_text("demo")
            pages.append(page)
        english, chinese = pages
        story = Story(english, chinese, folder)
        story.page.locator("#table").get_by_role("link", name="demo", exact=True).click()
        expect(story.page.locator("h1 .state")).to_have_text("Running")
        found = re.search(r"/instances/-/([0-9a-f-]+)", story.page.url)
        assert found
        uuid = found[1]
        story.shown_on_screen(uuid, "grub rescue>")
        story.picture("details", story.page.url)
        entered(story)
        repaired(story, uuid)
        left(story)
        assert errors == []


def entered(story: Story) -> None:
    """By the menu, with a backup point and consent."""
    page = story.page
    story.picture("enter", page.url + "/enter")
    page.go_back()
    page.get_by_role("button", name="More actions").click()
    page.locator(".menu").get_by_role("link", name="Enter rescue mode").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Make a backup point first")).to_be_checked()
    dialog.get_by_label("Password", exact=True).fill(WORD)
    dialog.get_by_label("Again").fill(WORD)
    dialog.get_by_label("How it is stopped").select_option("hard")
    dialog.get_by_label("I consent to a forced shutdown").check()
    dialog.get_by_role("button", name="Enter rescue mode").click()
    expect(page.locator(".outcome.done")).to_be_visible(timeout=_SLOW_MS)
    expect(page.locator("h1 .state")).to_have_text("Rescue mode")
    expect(page.locator("body.rescue")).to_contain_text("SHA256:")
    page.goto(page.url.partition("?")[0])
    story.picture("rescue", page.url)


def repaired(story: Story, uuid: str) -> None:
    """The self-check says what is broken; it is mended by hand, on the screen."""
    page = story.page
    details = page.url
    page.goto(f"{details}/self-check")
    page.get_by_role("button", name="Start the self-check").click()
    verdict = page.get_by_role("heading", name="It does not boot")
    expect(verdict).to_be_visible(timeout=_SLOW_MS)
    story.picture("selfcheck", f"{details}/self-check")
    page.goto(f"{details}/console")
    expect(page.locator("[data-status]")).to_have_text("Connected.", timeout=_SLOW_MS)
    page.locator("#screen canvas").focus()
    log_in(story, uuid)
    for line, wanted in _TYPED:
        keyed(page, f"clear; {line}\n")
        story.shown_on_screen(uuid, wanted)
    page.goto(details)


def log_in(story: Story, uuid: str) -> None:
    """As root, on the screen."""
    keyed(story.page, "root\n")
    story.shown_on_screen(uuid, "Password:")
    time.sleep(2)  # login drops what is typed before it listens
    keyed(story.page, f"{WORD}\n")
    story.shown_on_screen(uuid, "root@")


def left(story: Story) -> None:
    """By the button; it boots, and is as it was."""
    page = story.page
    page.get_by_role("link", name="Leave rescue mode").last.click()
    page.get_by_role("dialog").get_by_role("button", name="Leave rescue mode").click()
    expect(page.locator(".outcome.done")).to_be_visible(timeout=_SLOW_MS)
    expect(page.locator(".steps")).to_contain_text("reached login")
    expect(page.locator("h1 .state")).to_have_text("Running")
    expect(page.locator("body.rescue")).to_have_count(0)
    story.picture("left", page.url)
