"""The list by expiry dates: what ends first, or last, and at the end what never does."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.api.pages import signed_in
from tests.api.server import V1, Server, serving
from tests.conftest import SHORT_TMP
from tests.libvirt.command import Command

#: Names of instances with their dates.
ENDS: Final = {
    "a": "",
    "b": "2031-05-01T23:59:59Z",
    "c": "2030-05-01T23:59:59Z",
    "d": "",
    "e": "2031-05-01T23:59:59Z",
}
_UUID: Final = "00000000-0000-4000-8000-00000000000"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """One over a play host with those instances, which have their dates."""
    home = Path(tempfile.mkdtemp(prefix="lbw-", dir=SHORT_TMP))
    domains = "".join(
        f"<domain type='test'><name>{name}</name><uuid>{_UUID}{number}</uuid>"
        "<memory>65536</memory><os><type>hvm</type></os></domain>"
        for number, name in enumerate(ENDS)
    )
    (home / "host.xml").write_text(f"<node>{domains}</node>")
    try:
        with serving(Command(f"test://{home / 'host.xml'}", home)) as made:
            made.account("ana", "operator")
            with made.client(made.key("ana", "read", "act")) as client:
                for number, end in enumerate(ENDS.values()):
                    if end:
                        path = f"{V1}/instances/-/{_UUID}{number}/renew"
                        assert client.post(path, json={"until": end}).status_code == 200
            yield made
    finally:
        shutil.rmtree(home)


def names(client: httpx.Client, sort: str, limit: int) -> list[str]:
    """All of them, page by page."""
    found: list[str] = []
    cursor = ""
    while True:
        asked: dict[str, str | int] = {"sort": sort, "limit": limit, "cursor": cursor}
        answer = client.get(f"{V1}/instances", params=asked).json()
        assert answer["total"] == len(ENDS)
        assert all(one["expires"] == ENDS[one["name"]] for one in answer["instances"])
        found += [one["name"] for one in answer["instances"]]
        cursor = answer["next"]
        if not cursor:
            return found


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_a_list_by_ends_has_those_without_one_last(server: Server, limit: int) -> None:
    with server.client(server.key("ana", "read")) as client:
        assert names(client, "expires", limit) == ["c", "b", "e", "a", "d"]
        assert names(client, "-expires", limit) == ["e", "b", "c", "d", "a"]


def test_an_owners_list_and_the_page_are_sorted_so_too(server: Server) -> None:
    server.account("ben", "owner")
    for name in ("a", "c", "e"):
        server.command("account", "grant", "ben", name)
    with server.client(server.key("ben", "read")) as client:
        told = client.get(f"{V1}/instances", params={"sort": "expires"}).json()["instances"]
        assert [one["name"] for one in told] == ["c", "e", "a"]
    with signed_in(server, "ana") as browser:
        shown = browser.get("/instances", params={"sort": "-expires"}).text
        assert re.findall(rf'href="/instances/-/{_UUID}\d">(\w)</a>', shown) == list("ebcda")
        assert 'aria-sort="descending"><a href="/instances?q=&amp;state=&amp;sort=expires"' in shown


def test_a_cursor_is_of_one_way_round(server: Server) -> None:
    with server.client(server.key("ana", "read")) as client:
        found = client.get(f"{V1}/instances", params={"sort": "expires", "limit": 1}).json()
        asked = {"sort": "-expires", "cursor": found["next"]}
        assert client.get(f"{V1}/instances", params=asked).status_code == 422
