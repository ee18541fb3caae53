"""A font for the text screen that has the notice's Chinese, which no console font does.

A text console has at most 512 glyphs of 8 x 16 dots, and a Chinese character needs two. So the
halves of just the characters used become glyphs of private code points, and the text for the
screen is written in those. The dots are rendered from GNU Unifont, which is drawn on that grid.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont

_HEIGHT: Final = 16
_HALF: Final = 8
_GLYPHS: Final = 512  # the kernel takes 256 or 512
_FIRST_HALF: Final = 256
_PRIVATE: Final = 0xE000
_ASCII: Final = range(0x20, 0x7F)
#: PSF version 1, the one that busybox's loadfont reads (kbd's psf.h): two magic bytes, mode (1: 512
#: glyphs, 2: a Unicode table follows), bytes a glyph.
_HEADER: Final = bytes((0x36, 0x04, 1 | 2, _HEIGHT))
_TABLE_END: Final = b"\xff\xff"


def halves_of(text: str) -> dict[str, str]:
    """For each wide character of ``text`` the two private characters that draw it."""
    wide = sorted({char for char in text if ord(char) > 0x7E})
    return {
        char: chr(_PRIVATE + 2 * number) + chr(_PRIVATE + 2 * number + 1)
        for number, char in enumerate(wide)
    }


def for_screen(text: str, halves: dict[str, str]) -> str:
    """``text`` as it is written for a screen with this font."""
    return "".join(halves.get(char, char) for char in text)


def make(text: str, font_file: Path) -> bytes:
    """A PSF font with ASCII and the wide characters of ``text``.

    Raises:
        ValueError: more different characters than a text console has room for.
    """
    halves = halves_of(text)
    if 2 * len(halves) > _GLYPHS - _FIRST_HALF:
        raise ValueError("too many different characters for a text console")
    font = ImageFont.truetype(str(font_file), _HEIGHT)
    glyphs = [bytes(_HEIGHT)] * _GLYPHS
    names: list[str] = [""] * _GLYPHS
    for code in _ASCII:
        glyphs[code], names[code] = _dots(font, chr(code), 1)[0], chr(code)
    for number, (char, pair) in enumerate(halves.items()):
        place = _FIRST_HALF + 2 * number
        glyphs[place : place + 2] = _dots(font, char, 2)
        names[place : place + 2] = list(pair)
    return _HEADER + b"".join(glyphs) + _unicode_table(names)


def _dots(font: ImageFont.FreeTypeFont, char: str, cells: int) -> list[bytes]:
    """The glyphs of ``char``, a byte a row, left to right."""
    image = Image.new("1", (_HALF * cells, _HEIGHT))
    ImageDraw.Draw(image).text((0, 0), char, font=font, fill=1)
    rows = image.tobytes()
    return [rows[cell::cells] for cell in range(cells)]


def _unicode_table(names: Iterable[str]) -> bytes:
    """For each glyph the character it draws, if any, as 16 bits; ended by 0xFFFF."""
    return b"".join(name.encode("utf-16-le") + _TABLE_END for name in names)
