"""How soon the page of an instance is seen in a browser, and how many bytes that takes.

``python -m bench.paint``. Debian's Chromium without a window, on loopback: from the beginning of
the navigation to the first content on the screen, as the browser itself says; with nothing kept,
and again with styles and scripts kept. The bytes are those that came by the network, headers
included; noVNC, which only a console loads, is not among them.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, Page, sync_playwright
from rich.console import Console
from rich.table import Table

from bench import facts, record
from bench.served import PASSWORD, Server, serving, uuid_of

_ROUNDS: Final = 10
GOAL_MS: Final = 300.0
GOAL_BYTES: Final = 150_000
_INSTANCES: Final = 1000
_PAINT: Final = """
() => new Promise((resolve) => {
  const found = () => performance.getEntriesByName("first-contentful-paint")[0];
  if (found()) resolve(found().startTime);
  new PerformanceObserver(() => { if (found()) resolve(found().startTime); })
    .observe({type: "paint", buffered: true});
})
"""


@dataclass(frozen=True, slots=True)
class Figures:
    """Milliseconds to the first paint, one a round, and bytes. ``blank`` is the same for a page
    that the server knows nothing of: what the browser itself takes."""

    blank: tuple[float, ...]
    cold: tuple[float, ...]
    warm: tuple[float, ...]
    cold_bytes: int
    warm_bytes: int


def measure(folder: Path) -> Figures:
    """Start a server and a browser, and look at an instance."""
    program = shutil.which("chromium")
    assert program, "needs Debian's package chromium"
    with serving(folder, _INSTANCES) as server, sync_playwright() as playwright:
        # root may not use its sandbox, and nothing but our own pages is shown
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        _round(browser, server, 0)  # what is only slow once
        rounds = [_round(browser, server, number) for number in range(_ROUNDS)]
        browser.close()
    blank, cold, warm, cold_bytes, warm_bytes = zip(*rounds, strict=True)
    return Figures(blank, cold, warm, max(cold_bytes), max(warm_bytes))


def _round(browser: Browser, server: Server, number: int) -> tuple[float, float, float, int, int]:
    """A browser that has seen nothing of the server; then it looks again."""
    context = browser.new_context()
    page = context.new_page()
    context.request.post(
        f"{server.url}/login", form={"name": "admin", "password": PASSWORD}, max_redirects=0
    )
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    came: list[float] = []
    session.on("Network.loadingFinished", lambda told: came.append(told["encodedDataLength"]))
    blank, _ = _paint(page, f"{server.url}/healthz", came)
    url = f"{server.url}/instances/-/{uuid_of(number)}"
    cold, cold_bytes = _paint(page, url, came)
    warm, warm_bytes = _paint(page, url, came)
    context.close()
    return blank, cold, warm, cold_bytes, warm_bytes


def _paint(page: Page, url: str, came: list[float]) -> tuple[float, int]:
    """Milliseconds and bytes."""
    came.clear()
    page.goto(url, wait_until="networkidle")
    taken: Any = page.evaluate(_PAINT)
    return float(taken), int(sum(came))


def show(figures: Figures, console: Console) -> None:
    """Print the figures beside their goals."""
    table = Table(title="The page of an instance in Chromium")
    for name in ("what", "median", "least", "greatest", "goal"):
        table.add_column(name, justify="left" if name == "what" else "right")
    for what, found, goal in (
        ("first paint of a line of text, ms", figures.blank, None),
        ("first paint, nothing kept, ms", figures.cold, GOAL_MS),
        ("first paint, styles and scripts kept, ms", figures.warm, GOAL_MS),
    ):
        median = statistics.median(found)
        met = "" if goal is None else f"{goal:g} {'met' if median < goal else 'MISSED'}"
        row = (f"{median:.0f}", f"{min(found):.0f}", f"{max(found):.0f}", met)
        table.add_row(what, *row)
    met = f"{GOAL_BYTES} {'met' if figures.cold_bytes < GOAL_BYTES else 'MISSED'}"
    table.add_row("bytes, nothing kept", "", "", str(figures.cold_bytes), met)
    table.add_row("bytes, styles and scripts kept", "", "", str(figures.warm_bytes), "")
    console.print(table)


def main(arguments: list[str] | None = None) -> None:
    """Measure, print and record."""
    output = record.folder_of(arguments, "paint")
    with tempfile.TemporaryDirectory(prefix="lifebuoy-bench-") as folder:
        figures = measure(Path(folder))
    console = Console(width=110)
    show(figures, console)
    machine = facts.look()
    console.print(machine.words)
    print(f"record: {record.keep('paint', asdict(figures) | asdict(machine), output)}")


if __name__ == "__main__":
    main()
