"""On a Chinese page everything an owner reads is Chinese, but for what machines say."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import Final

import httpx
import pytest

from tests import reading
from tests.api.pages import csrf_of, signed_in
from tests.api.server import Server, ended

PAGE: Final = "/instances/-/6695eb01-f6a4-8304-79aa-97f2502e193f"
#: libvirt's own words, of its play host.
LIBVIRT: Final = "this function is not supported by the connection driver"


def english_on(page: str) -> list[str]:
    return [one for one in reading.english_on(page) if not one.startswith(LIBVIRT)]


@pytest.fixture
def chinese(played: Server) -> Iterator[httpx.Client]:
    """A Chinese browser in which the admin is signed in."""
    with signed_in(played, "admin") as client:
        client.headers["Accept-Language"] = "zh-CN"
        yield client


def act(client: httpx.Client, what: str, **form: str) -> str:
    """The operation that a form of the page began, ended."""
    answer = client.post(f"{PAGE}/{what}", data={"csrf": csrf_of(client), **form})
    assert answer.status_code == 303, answer.text
    id_ = answer.headers["location"].partition("operation=")[2]
    ended(client, id_)
    return id_


def test_an_error_is_told_in_chinese(chinese: httpx.Client) -> None:
    for path, status, told in (
        ("/instances/-/7695eb01-f6a4-8304-79aa-97f2502e193f", 404, "没有该实例"),
        ("/nowhere", 404, "没有该页面"),
        (f"{PAGE}/leave", 409, "现在不能退出救援模式：“test”的状态为"),
        ("/operations/0123456789ab", 404, "没有该操作"),
        ("/audit?since=never", 422, "“never”不是时间"),
    ):
        answer = chinese.get(path)
        assert answer.status_code == status and told in answer.text, answer.text
        assert not english_on(answer.text)
    english = chinese.get(f"{PAGE}/leave", headers={"Accept-Language": "en"}).text
    assert "'test' is" in html.unescape(english) and english_on(english)
    calls = chinese.get("/api/v1/operations/0123456789ab")
    assert calls.json()["detail"].isascii()


def test_what_is_refused_says_why_in_chinese(chinese: httpx.Client) -> None:
    if 'class="state STOPPED"' in chinese.get(PAGE).text:
        act(chinese, "start")
    running = chinese.get(PAGE).text
    assert 'title="现在不能开机：“test”的状态为“运行中”"' in running and not english_on(running)
    form = {"csrf": csrf_of(chinese), "password": "abc", "again": "abc"}
    for given, told in (
        (form, "密码不符合规则：少于 8 个字符"),
        (form | {"again": "x"}, "两次输入的密码不一致"),
        (form | {"password": "Quiet-Word-5", "again": "Quiet-Word-5"}, "进入救援模式前必须关机"),
    ):
        answer = chinese.post(f"{PAGE}/enter", data=given)
        assert told in answer.text and not english_on(answer.text)


def test_every_page_is_chinese(chinese: httpx.Client) -> None:
    done = act(chinese, "reboot")
    paths = ["", "/enter", "/stop", "/renew", "/backups", "/backups/create", "/self-check"]
    pages = [f"{PAGE}{path}" for path in paths]
    pages += ["/instances", "/backups", "/operations", f"/operations/{done}", "/audit"]
    pages += ["/hosts", "/hosts/-", "/images", "/accounts", "/account", "/account/totp"]
    left = {path: english_on(chinese.get(path).text) for path in pages}
    assert not {path: found for path, found in left.items() if found}
    csrf = csrf_of(chinese)
    checked = chinese.post("/hosts/-/check", data={"csrf": csrf})
    assert checked.status_code == 200 and not english_on(checked.text)
    made = chinese.post(f"{PAGE}/backups/create", data={"csrf": csrf, "kind": "frozen"})
    assert made.status_code >= 400 and not english_on(made.text)
