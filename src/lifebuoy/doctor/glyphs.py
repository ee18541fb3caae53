"""The console fonts that can be read off a screen: a digest of each character's picture.

Measured, not copied: ``python -m lab.glyphs`` has each font drawn by what uses it and looks. A file
of ``fonts/`` is a font.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

_FLIP: Final = bytes(255 - value for value in range(256))
_FIRST_PIXEL: Final = 0x80


@dataclass(frozen=True, slots=True)
class Font:
    """``glyphs`` is character by digest; all are ``width`` by ``height`` pixels large."""

    name: str
    width: int
    height: int
    glyphs: Mapping[str, str]


def settled(cell: bytes) -> bytes:
    """The picture with its first pixel clear: the same for light on dark and dark on light.

    A row is whole bytes, eight pixels each, the leftmost highest.
    """
    return cell.translate(_FLIP) if cell[0] & _FIRST_PIXEL else cell


def digest(cell: bytes) -> str:
    """What stands for a settled picture in a font's file."""
    return hashlib.blake2b(cell, digest_size=8).hexdigest()


@cache
def fonts() -> tuple[Font, ...]:
    """All of them, in the order of their files' names."""
    folder = resources.files("lifebuoy.doctor") / "fonts"
    texts = sorted(
        (file.name, file.read_text(encoding="utf-8"))
        for file in folder.iterdir()
        if file.name.endswith(".json")
    )
    return tuple(_font(name.removesuffix(".json"), text) for name, text in texts)


def _font(name: str, text: str) -> Font:
    facts = json.loads(text)
    glyphs = {digest_: character for character, digest_ in facts["glyphs"].items()}
    return Font(name, facts["width"], facts["height"], glyphs)
