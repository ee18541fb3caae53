"""Styles and scripts: kept by browsers while they are the same, compressed, and nothing else."""

from __future__ import annotations

import re

import httpx
import pytest

from tests.api.pages import signed_in
from tests.api.server import Server


def links(server: Server) -> list[str]:
    """What a page loads."""
    with signed_in(server, "admin") as client:
        text = client.get("/instances").text
    return re.findall(r'(?:href|src)="(/(?:static|parts)/[^"]+\?[^"]+)"', text)


def test_what_a_page_loads_is_kept_for_good_and_changes_its_name_with_its_content(
    played: Server,
) -> None:
    found = links(played)
    assert len(found) >= 4 and len({link.partition("?")[2] for link in found}) == 1
    for link in found:
        answer = httpx.get(played.url + link)
        assert answer.status_code == 200 and "immutable" in answer.headers["cache-control"], link
        assert answer.headers["x-content-type-options"] == "nosniff"
        other = httpx.get(played.url + link.partition("?")[0] + "?other")
        assert other.headers["cache-control"] == "no-cache"


def test_modules_that_import_each_other_can_be_kept_together(played: Server) -> None:
    version = links(played)[0].partition("?")[2]
    kept = httpx.get(f"{played.url}/parts/{version}/novnc/core/rfb.js")
    assert kept.status_code == 200 and "immutable" in kept.headers["cache-control"]
    asked = httpx.get(f"{played.url}/parts/novnc/core/rfb.js")
    assert asked.headers["cache-control"] == "no-cache" and asked.content == kept.content


def test_the_same_file_is_not_sent_again(played: Server) -> None:
    url = f"{played.url}/static/console.css"
    with httpx.Client() as client:
        tag = client.get(url).headers["etag"]
        again = client.get(url, headers={"If-None-Match": f'"other", W/{tag}'})
        assert (again.status_code, again.content) == (304, b"")
        assert client.get(url, headers={"If-None-Match": '"other"'}).status_code == 200


def test_files_are_compressed_for_who_understands_it_and_pages_never_are(played: Server) -> None:
    url = f"{played.url}/parts/htmx.min.js"
    packed, plain = (httpx.get(url, headers={"Accept-Encoding": e}) for e in ("gzip", "gzip;q=0"))
    assert packed.headers["content-encoding"] == "gzip" and packed.text == plain.text
    assert "content-encoding" not in plain.headers
    assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    assert packed.headers["etag"] != plain.headers["etag"]
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) / 2
    with signed_in(played, "admin") as client:
        for path in ("/instances", "/api/v1/instances"):
            answer = client.get(path, headers={"Accept-Encoding": "gzip"})
            assert answer.status_code == 200 and "content-encoding" not in answer.headers


@pytest.mark.parametrize(
    "path",
    ["/static/", "/static", "/static/../app.py", "/static/%2e%2e/app.py", "/static/nothing.js"],
)
def test_no_other_file_is_given(played: Server, path: str) -> None:
    with httpx.Client(base_url=played.url) as client:
        answer = client.send(client.build_request("GET", httpx.URL(played.url + path)))
        assert answer.status_code in {307, 404} and b"import" not in answer.content
        assert client.post("/static/console.css").status_code == 405
        assert client.head("/static/console.css").status_code == 200
