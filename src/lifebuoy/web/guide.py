"""The owner's guide (docs/guide), as a page in the browser's language."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request, Response
from markdown_it import MarkdownIt
from markupsafe import Markup

from lifebuoy.accounts.model import Identity
from lifebuoy.api.authorisation import identified, needs
from lifebuoy.errors import NotSignedIn
from lifebuoy.web.language import Language, chosen
from lifebuoy.web.render import page

#: Copied here by the build, so that the wheel has it.
GUIDE: Final = Path(__file__).parent / "guide"
_FILES: Final = {Language.ENGLISH: "README.md", Language.CHINESE: "README.zh-CN.md"}
#: The line that leads to the guide in the other language: pages are switched at their top.
_OTHER: Final = ("[English](", "[简体中文](")

router = APIRouter(include_in_schema=False)


@router.get("/guide/", **needs(None))
async def show_guide(request: Request) -> Response:
    """The guide; also for who has not signed in."""
    return page(request, "guide.html", await _who(request), guide=text_of(chosen(request)))


async def _who(request: Request) -> Identity | None:
    try:
        return await identified(request)
    except NotSignedIn:
        return None


@cache
def text_of(language: Language) -> Markup:
    """The guide as HTML, made of Markdown without any HTML of its own."""
    words = (GUIDE / _FILES[language]).read_text("utf-8")
    kept = "\n".join(line for line in words.splitlines() if not line.startswith(_OTHER))
    return Markup(MarkdownIt("commonmark", {"html": False}).enable("table").render(kept))
