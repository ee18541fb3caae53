"""Debian's Chromium, and what axe-core has to say of a page in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM: Final = shutil.which("chromium")
AXE: Final = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
_WCAG_AA: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser for the block. Root may not use its sandbox; nothing but our own pages is shown."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def hurdles(page: Page) -> list[str]:
    """What axe finds of the page against WCAG 2 A and AA."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(AXE.read_text())
    rules = {"runOnly": _WCAG_AA, "resultTypes": ["violations"]}
    found: list[dict[str, Any]] = page.evaluate("rules => axe.run(document, rules)", rules)[
        "violations"
    ]
    return [f"{one['id']}: {one['help']}: {_places(one['nodes'])}" for one in found]


def _places(nodes: list[dict[str, Any]]) -> str:
    return " | ".join(node["html"][:200] for node in nodes)
