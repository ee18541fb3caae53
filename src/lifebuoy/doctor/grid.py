"""Where the characters of a text screen are: rows and columns of cells, found in its picture.

Known are the ways in which consoles lay themselves out; where none fits, every place is tried. A
cell is told from its ground by one colour at a time, so text may have any colours.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from lifebuoy.doctor.glyphs import digest, settled

if TYPE_CHECKING:
    from PIL.Image import Image

Cells = dict[tuple[int, int], str]

#: columns and rows of the text modes of UEFI, which centres them
_UEFI_MODES: Final = ((80, 25), (80, 50), (100, 31), (128, 40), (160, 42), (240, 56))
_UEFI_HEIGHT: Final = 19
_GRUB_BORDER: Final = 10
_GRUB_CELL: Final = (8, 16)
_VGA_WIDTHS: Final = frozenset({720, 1188})  # 80 and 132 columns, nine pixels apart
_MOST_STRIPS: Final = 256  # columns of pixels to search, of those that hold something
_MOST_SEEN: Final = 1 << 14  # different cells on them; text shows itself in the first columns
_MOST_DIFFERENT: Final = 1 << 12  # cells of a screen; a console has 512 characters at most


@dataclass(frozen=True, slots=True)
class Grid:
    """Cells of ``width`` by ``height`` pixels, ``pitch`` pixels from one column to the next."""

    left: int
    top: int
    columns: int
    rows: int
    width: int
    height: int
    pitch: int

    @property
    def right(self) -> int:
        """The first column of pixels beyond it."""
        return self.left + self.columns * self.pitch


def usual(size: tuple[int, int], width: int, height: int) -> Iterator[Grid]:
    """How consoles with glyphs of that size lay themselves out on a screen of ``size`` pixels."""
    across, down = size
    if across in _VGA_WIDTHS and width == 8:
        yield Grid(0, 0, across // 9, down // height, width, height, 9)
    for columns, rows in _UEFI_MODES if height == _UEFI_HEIGHT else ():
        left, top = (across - columns * width) // 2, (down - rows * height) // 2
        if left >= 0 and top >= 0:
            yield Grid(left, top, columns, rows, width, height, width)
    if (width, height) == _GRUB_CELL:
        yield framed(size, width, height)
    yield whole(size, width, height, 0, 0)
    yield whole(size, width, height, across % width // 2, down % height // 2)


def whole(size: tuple[int, int], width: int, height: int, left: int, top: int) -> Grid:
    """As many cells as there is room for from there on."""
    columns, rows = (size[0] - left) // width, (size[1] - top) // height
    return Grid(left, top, max(columns, 0), max(rows, 0), width, height, width)


def framed(size: tuple[int, int], width: int, height: int) -> Grid:
    """As GRUB's graphical terminal has them, with a border around."""
    columns, rows = ((length - 2 * _GRUB_BORDER) for length in size)
    return Grid(
        _GRUB_BORDER,
        _GRUB_BORDER,
        max(columns // width, 0),
        max(rows // height, 0),
        width,
        height,
        width,
    )


def searched(mask: Image, width: int, height: int, letters: Container[str]) -> Grid | None:
    """The grid on which most letters lie, wherever that is; None where none does.

    ``letters`` are digests. Only the first columns that hold something are looked at.
    """
    across, down = mask.size
    seen: dict[bytes, bool] = {}
    strips = 0
    votes: Counter[tuple[int, int]] = Counter()
    wide = width // 8
    for left in range(across - width + 1):
        strip = mask.crop((left, 0, left + width, down)).tobytes()
        if is_plain(strip):
            continue
        strips += 1
        if strips > _MOST_STRIPS or len(seen) > _MOST_SEEN:
            break
        for top in range(0, len(strip) - wide * height + 1, wide):
            cell = strip[top : top + wide * height]
            known = seen.get(cell)
            if known is None:
                known = seen[cell] = not is_plain(cell) and digest(settled(cell)) in letters
            if known:
                votes[left % width, top // wide % height] += 1
    if not votes:
        return None
    ((left, top), _), *_ = votes.most_common(1)
    return whole(mask.size, width, height, left, top)


@cache
def bars(width: int, height: int) -> frozenset[str]:
    """The digests of cells that hold a cursor and nothing else: a bar across the lower half."""
    row, empty = b"\xff" * (width // 8), b"\0" * (width // 8)
    return frozenset(
        digest(empty * above + row * deep + empty * (height - above - deep))
        for above in range(height // 2, height)
        for deep in range(1, height - above + 1)
    )


def cut(mask: Image, grid: Grid) -> Cells:
    """The digest of each cell that is not of one colour, by row and column.

    Ends early where the cells are of too many kinds: that is a picture.
    """
    deep = grid.width // 8 * grid.height
    known: dict[bytes, str] = {}
    cells: Cells = {}
    bottom = grid.top + grid.rows * grid.height
    for column in range(grid.columns):
        left = grid.left + column * grid.pitch
        strip = mask.crop((left, grid.top, left + grid.width, bottom)).tobytes()
        if is_plain(strip):
            continue
        if len(known) > _MOST_DIFFERENT:
            break
        for row in range(grid.rows):
            cell = strip[row * deep : (row + 1) * deep]
            told = known.get(cell)
            if told is None:
                told = known[cell] = "" if is_plain(cell) else digest(settled(cell))
            if told:
                cells[row, column] = told
    return cells


def is_plain(cell: bytes) -> bool:
    """Whether it is of one colour."""
    return cell[:1] in (b"\0", b"\xff") and not cell.strip(cell[:1])
