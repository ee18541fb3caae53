"""By clicks: a backup point is verified, its quota set; a lost second factor is taken away."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.api.disks import with_disks
from tests.api.pages import signed_in
from tests.api.server import PASSWORD, V1, Server, ended, serving
from tests.api.test_second_factor_pages import turned_on
from tests.browser.test_accessible import (  # noqa: F401  # two are fixtures
    LANGUAGES,
    Visitor,
    browser,
    pytestmark,
    shots,
)


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Server, str]]:
    """A server with an admin, and the path of its instance, which has a backup point."""
    with with_disks() as machine, serving(machine.command) as server:
        server.account("ada", "admin")
        with server.client(server.key("ada", "read", "act")) as client:
            path = f"/instances/-/{machine.uuid}"
            made = client.post(f"{V1}{path}/backups", json={"name": "kept", "copy": True})
            assert ended(client, made.json()["id"])["state"] == "done"
        yield server, path


@pytest.mark.rotate(2)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_point_is_verified_and_the_quota_set(
    served: tuple[Server, str],
    browser: Browser,  # noqa: F811
    language: str,
    shots: Path,  # noqa: F811
) -> None:
    server, path = served
    visitor = Visitor(browser, language, shots)
    visitor.sign_in(server, "ada")
    page = visitor.page
    page.goto(f"{server.url}{path}/backups")
    visitor.look("points-with-quota")
    page.locator("[name=points]").fill("7")
    page.locator("[name=points]").press("Enter")
    expect(page.locator("[name=points]")).to_have_value("7")
    page.locator("a[href$='/verify']").click()
    page.locator("main button.primary").click()
    # without a click: the page looks again by itself
    expect(page.locator("#verification[hx-get]")).to_have_count(0, timeout=60_000)
    expect(page.locator("#verification .outcome.done")).to_be_visible()
    expect(page.locator("#verification tbody tr")).to_have_count(2)
    visitor.look("verified")
    page.context.close()
    assert visitor.wrong == []


@pytest.mark.rotate(2)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_lost_second_factor_is_taken_away_for_the_admins_password(
    served: tuple[Server, str],
    browser: Browser,  # noqa: F811
    language: str,
    shots: Path,  # noqa: F811
) -> None:
    server, _ = served
    name = f"eve-{language.lower()}"
    server.account(name, "owner")
    with signed_in(server, name) as lost:
        turned_on(lost, name)
    visitor = Visitor(browser, language, shots)
    visitor.sign_in(server, "ada")
    page = visitor.page
    visitor.visit(f"{server.url}/accounts/{name}", "account-with-second-factor")
    form = page.locator("form[action$='/second-factor/remove']")
    form.locator("[name=current]").fill("not the password")
    visitor._is_refused = True
    form.locator("button").click()
    expect(form.locator("xpath=..").get_by_role("alert")).to_be_visible()
    visitor.look("second-factor-not-taken-away")
    form.locator("[name=current]").fill(PASSWORD)
    form.locator("button").click()
    expect(page).to_have_url(re.compile(r"done=true$"))
    expect(form).to_have_count(0)
    page.context.close()
    assert visitor.wrong == []
