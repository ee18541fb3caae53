"""Makes pages of templates: in the browser's language, with what every page shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from lifebuoy.accounts.model import Identity
from lifebuoy.api.reaching import path_of
from lifebuoy.api.state import serving
from lifebuoy.expiry import Expiry
from lifebuoy.measures import size
from lifebuoy.model import InstanceState
from lifebuoy.web import table_words, words
from lifebuoy.web.assets import version
from lifebuoy.web.check_words import step
from lifebuoy.web.language import Language, chosen
from lifebuoy.web.language import words as words_of

T = TypeVar("T")

_TEMPLATES: Final = Path(__file__).parent / "templates"
_OF_ADDRESSES: Final = ":/%#?=@[]!$&'()*+,;"
_NOT_KEPT: Final = {"Cache-Control": "no-store"}


def page(
    request: Request,
    template: str,
    who: Identity | None = None,
    *,
    status: HTTPStatus = HTTPStatus.OK,
    **known: Any,
) -> HTMLResponse:
    """A page, or the part of one that a script asked for."""
    return HTMLResponse(text(request, template, who, **known), status, headers=_NOT_KEPT)


def text(request: Request, template: str, who: Identity | None = None, **known: Any) -> str:
    """The same as text."""
    language = chosen(request)
    return (
        environment(language)
        .get_template(template)
        .render(
            who=who,
            csrf=who.csrf if who else "",
            language=language,
            languages=list(Language),
            here=request.url.path,
            provider=_provider(request),
            frame="part.html" if is_for_script(request) else "base.html",
            **known,
        )
    )


def _provider(request: Request) -> str:
    """What people call the OpenID provider; empty where there is none."""
    found = serving(request).signing.provider
    return found.title if found else ""


def is_for_script(request: Request) -> bool:
    """Whether a script of ours asks, for a part of a page."""
    return "hx-request" in request.headers


def go(request: Request, where: str) -> Response:
    """Have the browser go to a page of ours, be it a script that asked or the browser itself."""
    if is_for_script(request):
        there = quote(where, safe=_OF_ADDRESSES)  # as the other answer does it, too
        return Response(status_code=HTTPStatus.NO_CONTENT, headers={"HX-Redirect": there})
    return RedirectResponse(where, HTTPStatus.SEE_OTHER)


def is_ours(where: str) -> bool:
    """Whether that is a path here; not, for example, ``//elsewhere.example``."""
    return where.startswith("/") and not where.startswith(("//", "/\\")) and where.isprintable()


@cache
def environment(language: Language) -> Environment:
    """The templates in that language, compiled once."""
    made = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=select_autoescape(["html"]),
        extensions=["jinja2.ext.i18n"],
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    catalogue = words_of(language)
    made.install_gettext_translations(catalogue, newstyle=True)  # type: ignore[attr-defined]
    made.globals.update(words=words, path_of=path_of, State=InstanceState, version=version())
    made.globals.update(table_words=table_words, Expiry=Expiry)
    made.filters["time"] = _time
    made.filters["bytes"] = size
    # For texts that are chosen while a page is made: unlike _() it does not take them for HTML.
    made.filters["tr"] = catalogue.gettext
    made.filters["tr_each"] = partial(_each, catalogue.gettext)
    made.filters["step"] = partial(step, catalogue.gettext)
    return made


def _each(translated: Callable[[str], str], texts: Mapping[T, str]) -> dict[T, str]:
    """A table of texts, for what shows them often."""
    return {key: translated(words) for key, words in texts.items()}


def _time(moment: str) -> str:
    """A time of a record, for humans."""
    return f"{moment[:10]} {moment[11:19]} UTC" if moment else ""
