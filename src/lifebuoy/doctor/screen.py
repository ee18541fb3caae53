"""Reads the text on a machine's screen, by the pictures of characters. No guessing, no network.

A screen is what a guest draws, so nothing of it is trusted: its size is bounded, what is not a
known character is no character, and a picture that holds too few of them is no text.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from lifebuoy.doctor import grid as grids
from lifebuoy.doctor.glyphs import Font, fonts
from lifebuoy.doctor.grid import Cells, Grid

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_PIXELS: Final = 16 << 20
_UNKNOWN: Final = "\ufffd"
_FEWEST_LETTERS: Final = 4
_ENOUGH: Final = 0.8  # of the cells known: no better grid is looked for
_MOST_MASKS: Final = 8
_GROUNDS: Final = 3  # colours that text may lie on, mostly
_SEARCHED: Final = (8, 16)  # of GRUB in a window somewhere; other consoles lie as is usual
_MOST_COLOURS: Final = 1 << 12  # more are a picture
_USUAL_COLOURS: Final = ((170, 170, 170), (255, 255, 255), (0, 0, 0), (85, 85, 85))


class ScreenState(StrEnum):
    """What a screen holds."""

    TEXT = "text"
    BLANK = "blank"
    GRAPHICS = "graphics"  # a picture, or text in a font that is not known


@dataclass(frozen=True, slots=True)
class Screen:
    """``text`` has a line for each of the screen's, those that went on over its edge joined."""

    state: ScreenState
    width: int = 0
    height: int = 0
    font: str = ""
    text: str = ""

    @property
    def lines(self) -> tuple[str, ...]:
        """Those that hold something."""
        return tuple(line.rstrip() for line in self.text.split("\n") if line.strip())


@dataclass(frozen=True, slots=True)
class _Fit:
    """How well a font and a grid fit: how many cells hold a character, and a letter or digit."""

    letters: int
    characters: int
    grid: Grid
    font: Font


def read(picture: bytes) -> Screen:
    """What is on the screen of which this is the picture, a PNG or a portable pixmap.

    What is none, or too large, reads as graphics.
    """
    image = opened(picture)
    if image is None:
        return Screen(ScreenState.GRAPHICS)
    width, height = image.size
    layers = masks(image)
    if len(layers) <= 1:
        return Screen(ScreenState.BLANK, width, height)
    fit = _fit(layers)
    if fit is not None:
        text = _text([grids.cut(mask, fit.grid) for mask in layers], fit)
        return Screen(ScreenState.TEXT, width, height, fit.font.name, text)
    state = ScreenState.BLANK if _is_empty(layers[0]) else ScreenState.GRAPHICS
    return Screen(state, width, height)


def opened(picture: bytes) -> Image | None:
    """The picture in red, green and blue; None where it is none, or too large."""
    from PIL import Image  # loaded where it is used: few commands need it

    try:
        with Image.open(io.BytesIO(picture), formats=("PPM", "PNG")) as found:
            small = found.width * found.height <= MOST_PIXELS
            return found.convert("RGB") if small else None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def masks(image: Image) -> list[Image]:
    """Where the image has the colours that tell text from its ground; the ground's first.

    One only where it is of one colour.
    """
    return [_mask(image, colour) for colour in _colours(image)]


def _colours(image: Image) -> Sequence[tuple[int, ...]]:
    """Those to tell text from its ground by, the most frequent first."""
    counted = image.getcolors(_MOST_COLOURS)
    if counted is None:
        return _USUAL_COLOURS
    counted.sort(key=lambda one: one[0], reverse=True)
    return [colour for _, colour in counted[:_MOST_MASKS] if isinstance(colour, tuple)]


def _mask(image: Image, colour: Sequence[int]) -> Image:
    """Set where the image has the colour."""
    from PIL import Image as Images
    from PIL import ImageChops

    same = None
    for band, value in zip(image.split(), colour, strict=True):
        one = band.point([255 if level == value else 0 for level in range(256)])
        same = one if same is None else ImageChops.darker(same, one)
    assert same is not None
    return same.convert("1", dither=Images.Dither.NONE)


def _fit(layers: Sequence[Image]) -> _Fit | None:
    """The font and the grid with the most letters; None where there are too few of them."""
    best: _Fit | None = None
    sizes = list(dict.fromkeys((font.width, font.height) for font in fonts()))
    for mask in layers[:_GROUNDS]:
        for size in sizes:
            most = 0
            for grid in dict.fromkeys(grids.usual(mask.size, *size)):
                cells = grids.cut(mask, grid)
                best = _better(best, cells, grid)
                most = max(most, len(cells))
            if best and best.characters > _ENOUGH * most > _FEWEST_LETTERS:
                return best
        if best is None or best.letters < _FEWEST_LETTERS:
            best = _searched(best, mask)
    return best if best is not None and best.letters >= _FEWEST_LETTERS else None


def _searched(best: _Fit | None, mask: Image) -> _Fit | None:
    letters = {
        cell
        for font in fonts()
        for cell, character in font.glyphs.items()
        if (font.width, font.height) == _SEARCHED and character.isalnum()
    }
    grid = grids.searched(mask, *_SEARCHED, letters)
    return best if grid is None else _better(best, grids.cut(mask, grid), grid)


def _better(best: _Fit | None, cells: Cells, grid: Grid) -> _Fit | None:
    for font in fonts():
        if (font.width, font.height) == (grid.width, grid.height):
            known = [font.glyphs[cell] for cell in cells.values() if cell in font.glyphs]
            letters = sum(map(str.isalnum, known))
            fit = (letters, len(known))
            if letters and fit > ((best.letters, best.characters) if best else (0, 0)):
                best = _Fit(letters, len(known), grid, font)
    return best


def _text(layers: Sequence[Cells], fit: _Fit) -> str:
    known: dict[tuple[int, int], str] = {}
    for cells in layers:
        for place, cell in cells.items():
            if place not in known and cell in fit.font.glyphs:
                known[place] = fit.font.glyphs[cell]
    bars = grids.bars(fit.grid.width, fit.grid.height)
    for place, cell in layers[0].items():
        known.setdefault(place, " " if cell in bars else _UNKNOWN)
    text = ""
    for row in range(fit.grid.rows):
        line = "".join(known.get((row, column), " ") for column in range(fit.grid.columns))
        if line.count(_UNKNOWN) * 2 > len(line.replace(" ", "")):
            line = ""  # part of a picture
        goes_on = line[-1:].isprintable() and not line[-1:].isspace() and line != ""
        text += line if goes_on else line.rstrip() + "\n"
    return text


def _is_empty(mask: Image) -> bool:
    """Of one colour but for a cursor."""
    box = mask.convert("L").point(lambda level: 255 - level).getbbox()
    return box is None or (box[2] - box[0] <= 16 and box[3] - box[1] <= 4)
