"""The pages' words, languages and limits that need no server."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from fastapi.routing import APIRoute

from lifebuoy.api import health
from lifebuoy.api.app import CALLS
from lifebuoy.api.authorisation import EXTENSION
from lifebuoy.api.problems import status_of
from lifebuoy.api.serving import names
from lifebuoy.errors import BadInput, Busy, HostTrouble, LifebuoyError, NotFound, Refused
from lifebuoy.operations.enter import ENTER
from lifebuoy.policy import check_password
from lifebuoy.settings.listening import Listen, listen_of, require_origin
from lifebuoy.web import words
from lifebuoy.web.app import PAGES
from lifebuoy.web.language import Language, preferred
from lifebuoy.web.language import words as words_of
from lifebuoy.web.render import is_ours

WEB: Final = Path(words.__file__).parent
CATALOGUE: Final = WEB / "locale" / "zh_CN" / "LC_MESSAGES" / "lifebuoy.po"
_METHODS: Final = [("**.py", "python"), ("templates/**.html", "jinja2")]
_OPTIONS: Final = {"templates/**.html": {"newstyle_gettext": "true", "trim_blocks": "true"}}


def marked() -> set[str]:
    """The texts that templates and code mark for the catalogue."""
    keywords = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2)}
    found = extract_from_dir(WEB, _METHODS, _OPTIONS, keywords)
    return {one[2][0] if isinstance(one[2], tuple) else one[2] for one in found}


def test_every_text_of_the_pages_is_translated_and_no_translation_is_left_over() -> None:
    with CATALOGUE.open("rb") as opened:
        catalogue = read_po(opened)
    have = {
        one.id[0] if isinstance(one.id, tuple) else str(one.id): one for one in catalogue if one.id
    }
    assert have.keys() == marked()
    for text, one in have.items():
        assert all(one.string if isinstance(one.string, tuple) else [one.string]), text
        assert not one.fuzzy and not list(one.check()), text


def test_the_compiled_catalogue_is_the_one_of_the_sources() -> None:
    assert words_of(Language.CHINESE).gettext("More actions") == "更多操作"
    assert words_of(Language.ENGLISH).gettext("More actions") == "More actions"


def test_steps_are_called_as_the_operations_call_them() -> None:
    source = "\n".join(path.read_text() for path in (WEB.parent / "operations").glob("*.py"))
    for name in words.STEPS:
        assert f'"{name}"' in source, name
    assert ENTER.name in words.KINDS


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", Language.ENGLISH),
        ("zh-CN,zh;q=0.9,en;q=0.8", Language.CHINESE),
        ("zh-TW", Language.CHINESE),
        ("en-GB,zh;q=0.9", Language.ENGLISH),
        ("de,zh;q=0.3,en;q=0.2", Language.CHINESE),
        ("de", Language.ENGLISH),
        ("zh;q=x,en;q=0", Language.ENGLISH),
        ("," * 5000, Language.ENGLISH),
    ],
)
def test_a_browser_gets_the_language_that_it_likes_best(header: str, language: Language) -> None:
    assert preferred(header) is language


def test_after_signing_in_one_goes_to_a_page_of_ours_only() -> None:
    for good in ("/", "/instances/-/x?operation=1"):
        assert is_ours(good)
    for bad in ("//evil.example", "/\\evil.example", "https://evil.example", "", "x", "/\n/x"):
        assert not is_ours(bad)


def test_every_call_and_page_says_what_it_needs() -> None:
    routes = [route for router in (*CALLS, health.router, *PAGES) for route in router.routes]
    assert len(routes) > 30
    for route in routes:
        assert isinstance(route, APIRoute)
        assert route.openapi_extra and EXTENSION in route.openapi_extra, route.path
        changes = (route.methods or set()) - {"GET", "HEAD"}
        free = route.openapi_extra[EXTENSION] == "nothing"
        open_ = {"/login", "/login/code", "/login/set-up", "/language"}
        assert not (changes and free) or route.path in open_, route.path


def test_pages_hold_neither_scripts_nor_styles_of_their_own_nor_what_is_elsewhere() -> None:
    for template in (WEB / "templates").glob("*.html"):
        text = template.read_text()
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|hx-on", text)
        assert not re.search(r"""(?:src|href|action)=["'](?:https?:|//)""", text), template
        assert not re.search(r"\|\s*safe|Markup|autoescape", text), template
        # _() takes what it translates for HTML: only texts of ours that stand there may go in
        assert not re.search(r"""\b_\((?!["'])""", text), template


def test_the_rule_that_the_page_shows_is_the_one_that_counts() -> None:
    """The script judges by what the page tells it; this is what it is told."""
    script = (WEB / "static" / "console.js").read_text()
    assert "dataset.min" in script and "dataset.max" in script and "dataset.special" in script
    check_password("Quiet-Word-5")


def test_an_answer_has_the_status_of_its_error() -> None:
    wanted = {BadInput: 422, NotFound: 404, Refused: 409, Busy: 409, HostTrouble: 502}
    for kind, status in wanted.items():
        assert status_of(kind("x")) == status
    assert status_of(LifebuoyError("x")) == 500


def test_the_server_answers_to_its_own_names_only() -> None:
    assert names(Listen("127.0.0.1", 1), "") == frozenset({"127.0.0.1", "localhost", "::1"})
    assert "rescue.example" in (names(Listen("::1", 1), "https://rescue.example") or ())
    assert names(Listen("0.0.0.0", 1), "") is None
    proxied = names(Listen("0.0.0.0", 1), "https://rescue.example")
    assert proxied is not None and "rescue.example" in proxied and "0.0.0.0" not in proxied


def test_where_to_listen_is_read_strictly() -> None:
    assert listen_of("[::1]:80") == Listen("::1", 80) and str(Listen("::1", 80)) == "[::1]:80"
    assert str(listen_of("localhost:0")) == "localhost:0"
    for wrong in ("", "x", "::1:80", "1.2.3.4", "h:99999", "h:-1", "a b:1"):
        with pytest.raises(BadInput):
            listen_of(wrong)
    assert require_origin("https://a.example:8443") and require_origin("") == ""
    for wrong in ("a.example", "ftp://a", "https://a/", "https://a/x", "https://u@a", "http://a:x"):
        with pytest.raises(BadInput):
            require_origin(wrong)
