"""Lists in columns, a line a row: never cut or folded, and quick with ten thousand of them.

Not rich's tables, which take half a millisecond a cell and fold long names, so that what is piped
into another program falls apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len
from rich.console import COLOR_SYSTEMS, Console
from rich.style import Style

from lifebuoy.cli import output

_GAP: Final = "  "


@dataclass(frozen=True, slots=True)
class Cell:
    """A text with a style of rich's, such as "bold red"."""

    text: str
    style: str = ""


def show(
    titles: Sequence[str], rows: Iterable[Sequence[str | Cell]], *, right: Sequence[str] = ()
) -> None:
    """Print ``rows`` below ``titles``; the columns of ``right`` are set to the right."""
    console = output.out()
    cells = [[_cell(one) for one in row] for row in rows]
    head = [Cell(title, "bold") for title in titles]
    widths = [
        max([cell_len(head[n].text), *(cell_len(row[n].text) for row in cells)])
        for n in range(len(titles))
    ]
    rights = [title in right for title in titles]
    lines = [_line(row, widths, rights, console) for row in (head, *cells)]
    console.file.write("\n".join(lines) + "\n")


def _cell(given: str | Cell) -> Cell:
    found = given if isinstance(given, Cell) else Cell(given)
    if found.text.isprintable():
        return found
    return Cell(output.clean(found.text).replace("\n", " ").replace("\t", " "), found.style)


def _line(
    row: Sequence[Cell], widths: Sequence[int], rights: Sequence[bool], console: Console
) -> str:
    parts = []
    for cell, width, right in zip(row, widths, rights, strict=True):
        blanks = " " * (width - cell_len(cell.text))
        text = _styled(cell, console)
        parts.append(blanks + text if right else text + blanks)
    return _GAP.join(parts).rstrip()


def _styled(cell: Cell, console: Console) -> str:
    system = None if console.no_color else console.color_system
    if not cell.style or system is None:
        return cell.text
    return Style.parse(cell.style).render(cell.text, color_system=COLOR_SYSTEMS[system])
