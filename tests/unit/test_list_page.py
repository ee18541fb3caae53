"""The table of instances: what a row shows, and that a row more costs no translation more."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from lifebuoy.expiry import Expiry
from lifebuoy.model import InstanceState, RunState
from lifebuoy.operations.listing import Page, Query
from lifebuoy.operations.status import InstanceSummary
from lifebuoy.web.language import Language
from lifebuoy.web.language import words as words_of
from lifebuoy.web.render import environment

_END: Final = "2030-01-31T23:59:59Z"


def one(number: int, state: InstanceState, **more: Any) -> tuple[str, InstanceSummary]:
    uuid = f"00000000-0000-4000-8000-{number:012}"
    found = InstanceSummary(f"vm<{number}>", uuid, None, state, RunState.STOPPED, 64, False)
    return "web", replace(found, **more)


def drawn(rows: list[tuple[str, InstanceSummary]], language: Language) -> tuple[str, int]:
    """The table, and how many texts were translated while it was made."""
    asked: list[str] = []

    def gettext(text: str) -> str:
        asked.append(text)
        return words_of(language).gettext(text)

    known = {"page": Page(tuple(rows), len(rows), ""), "query": Query(), "hosts": 2, "silent": []}
    template = environment(language).get_template("table.html")
    return template.render(gettext=gettext, state="", sort="name", **known), len(asked)


def test_a_row_more_costs_no_translation_more() -> None:
    few, many = ([one(n, InstanceState.RUNNING) for n in range(count)] for count in (2, 100))
    assert drawn(few, Language.ENGLISH)[1] == drawn(many, Language.ENGLISH)[1] > 0


def test_a_row_shows_state_host_screen_and_date_in_the_language_of_the_page() -> None:
    rows = [
        one(1, InstanceState.STOPPED),
        one(2, InstanceState.RESCUE_MODE, expires=_END, expiry=Expiry.SOON),
        one(3, InstanceState.RUNNING, expires=_END, expiry=Expiry.PAST, problem="odd <state>"),
    ]
    shown, _ = drawn(rows, Language.CHINESE)
    stopped, rescued, running = shown.split("<tr>")[2:]
    assert "vm&lt;1&gt;" in stopped and ">web<" in stopped and 'data-label="到期时间"' in stopped
    assert "/screen" not in stopped and "/address" not in stopped
    assert '<span class="state RESCUE_MODE">救援模式</span>' in rescued
    there = "/instances/web/00000000-0000-4000-8000-000000000002"
    assert f'href="{there}"' in rescued and f'data-screen="{there}/screen"' in rescued
    assert f'hx-get="{there}/address"' in rescued
    assert 'class="expiry soon">2030-01-31 23:59:59 UTC' in rescued
    assert 'class="expiry past"' in running and "odd &lt;state&gt;" in running
