"""Signing in in a browser, as people do it: at a real provider and back, with a second factor."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pyotp
import pytest
from playwright.sync_api import Browser, expect

from tests.api.openid import provider, with_provider
from tests.api.server import PASSWORD, Server
from tests.browser.test_accessible import (  # noqa: F401  # two are fixtures
    LANGUAGES,
    Visitor,
    browser,
    pytestmark,
    shots,
)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server whose people may sign in at a provider."""
    with provider() as issuer, with_provider(issuer) as made:
        for name in LANGUAGES:
            made.account(name.lower(), "owner")
        yield made


def code(secret: str, steps: int = 0) -> str:
    return pyotp.TOTP(secret).generate_otp(int(time.time()) // 30 + steps)


@pytest.mark.rotate(2)
@pytest.mark.parametrize("language", LANGUAGES)
def test_one_signs_in_at_a_provider_and_out_again(
    server: Server,
    browser: Browser,  # noqa: F811
    language: str,
    shots: Path,  # noqa: F811
) -> None:
    visitor = Visitor(browser, language, shots)
    page = visitor.page
    visitor.visit(f"{server.url}/login?next=/account", "login-provider")
    page.locator("a[href^='/login/openid']").click()
    page.locator("[name=who]").fill("s-100")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{server.url}/account")
    expect(page.locator(".who")).to_contain_text("pia")
    visitor.visit(f"{server.url}/account/openid", "account-provider")
    page.locator("form[action='/logout'] button").click()
    expect(page.locator("a[href='/logout/openid']")).to_be_visible()
    visitor.look("signed-out")
    page.goto(f"{server.url}/account")
    expect(page.locator("[name=password]")).to_be_visible()
    page.context.close()
    assert visitor.wrong == []


@pytest.mark.rotate(2)
@pytest.mark.parametrize("language", LANGUAGES)
def test_one_sets_a_second_factor_up_and_is_asked_for_it(
    server: Server,
    browser: Browser,  # noqa: F811
    language: str,
    shots: Path,  # noqa: F811
) -> None:
    visitor = Visitor(browser, language, shots)
    page, name = visitor.page, language.lower()
    visitor.sign_in(server, name)
    page.locator("a[href='/account/totp']").click()
    visitor.look("second-factor-off")
    page.locator("main [name=password]").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("svg.qr")).to_be_visible()
    visitor.look("second-factor-set-up")
    secret = page.locator(".key").inner_text().replace(" ", "")
    page.locator("[name=code]").fill(code(secret))
    page.keyboard.press("Enter")
    expect(page.locator(".codes li")).to_have_count(10)
    visitor.look("recovery-codes")
    page.locator("main a.primary").click()
    visitor.look("second-factor-on")
    page.locator("form[action='/logout'] button").click()
    page.locator("[name=name]").fill(name)
    page.locator("[name=password]").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("[name=code]")).to_be_focused()
    visitor.look("second-factor-asked")
    page.keyboard.type(code(secret, 1))
    page.keyboard.press("Enter")
    expect(page.locator("form[action='/logout']")).to_be_visible()
    page.context.close()
    assert visitor.wrong == []
