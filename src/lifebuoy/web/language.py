"""The languages of the pages: which one a browser gets, and their words from the catalogues."""

from __future__ import annotations

import gettext
import struct
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Final

from starlette.requests import Request

COOKIE: Final = "lifebuoy_language"
_CATALOGUES: Final = Path(__file__).parent / "locale"
_DOMAIN: Final = "lifebuoy"


class Language(StrEnum):
    """As browsers name them."""

    ENGLISH = "en"
    CHINESE = "zh-CN"

    @property
    def own_name(self) -> str:
        """What it calls itself."""
        return {Language.ENGLISH: "English", Language.CHINESE: "简体中文"}[self]


def chosen(request: Request) -> Language:
    """The language that the browser's user chose, else the first of its own that we have."""
    try:
        return Language(request.cookies.get(COOKIE, ""))
    except ValueError:
        return preferred(request.headers.get("accept-language", ""))


def preferred(header: str) -> Language:
    """The language that an ``Accept-Language`` header likes best; English where it has none. Pure.

    Traditional Chinese, too, is better served by simplified than by English.
    """
    best, weight = Language.ENGLISH, 0.0
    for part in header.split(",")[:20]:
        tag, _, quality = part.partition(";")
        base = tag.strip().lower().partition("-")[0]
        found = {"en": Language.ENGLISH, "zh": Language.CHINESE}.get(base)
        liked = _quality(quality)
        if found is not None and liked > weight:
            best, weight = found, liked
    return best


@cache
def words(language: Language) -> gettext.NullTranslations:
    """The catalogue of a language; English is what the catalogues translate from."""
    if language is Language.ENGLISH:
        return gettext.NullTranslations()
    return gettext.translation(_DOMAIN, _CATALOGUES, [language.value.replace("-", "_")])


@cache
def texts(language: Language, domain: str) -> dict[str, str]:
    """All messages of a catalogue with their translations; none in English.

    The format of the file is the one that gettext's manual gives: tables of lengths and offsets.
    """
    if language is Language.ENGLISH:
        return {}
    path = _CATALOGUES / language.value.replace("-", "_") / "LC_MESSAGES" / f"{domain}.mo"
    data = path.read_bytes()
    count, *tables = struct.unpack_from("<3I", data, 8)
    columns = []
    for table in tables:
        spans = struct.iter_unpack("<2I", data[table : table + 8 * count])
        columns.append([data[start : start + length].decode() for length, start in spans])
    messages = dict(zip(*columns, strict=True))
    messages.pop("", None)
    return messages


def _quality(text: str) -> float:
    name, _, value = text.strip().partition("=")
    if name != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
