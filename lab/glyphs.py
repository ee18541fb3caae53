"""Measures the fonts of consoles: ``python -m lab.glyphs``; ``lifebuoy diagnose`` reads with them.

Each console draws every character twice, in different places, and a digest of what it drew is
kept with the character: no font is copied. Fonts that a Linux system loads are files (PSF) in the
folder ``--fonts``, as in Debian's package console-setup-linux.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lab import display
from lab.display import Display, Linux
from lifebuoy.doctor import grid as grids
from lifebuoy.doctor import screen
from lifebuoy.doctor.grid import Grid
from lifebuoy.errors import BuildFailed, LifebuoyError

TARGET: Final = Path(screen.__file__).parent / "fonts"
KERNELS: Final = Path("/boot")
WAIT_S: Final = 40
COLUMNS: Final = 60  # fits every console
#: no font has it: what is drawn for it is drawn for all that is missing
MISSING: Final = "\ue123"
ASCII: Final = "".join(map(chr, range(0x21, 0x7F)))
FURTHER: Final = "".join(
    chr(code)
    for first, end in (
        (0xA1, 0xAD),
        (0xAE, 0x180),
        (0x2013, 0x2015),
        (0x2018, 0x201F),
        (0x2026, 0x2027),
        (0x20AC, 0x20AD),
        (0x2190, 0x2196),
        (0x2500, 0x2580),
        (0x2580, 0x25A0),
        (0x25BA, 0x25BB),
        (0x25C4, 0x25C5),
    )
    for code in range(first, end)
)
#: what the first 32 codes of the text mode look like, and the 128th
CONTROLS: Final = " ☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼"
CODE_PAGE: Final = (
    CONTROLS + bytes(range(0x20, 0x7F)).decode() + "⌂" + bytes(range(0x80, 0x100)).decode("cp437")
)
#: the fonts that systems load mostly: Debian's and Ubuntu's, and those of Fedora and CentOS
LOADED: Final = (
    *("Lat15-Fixed16", "Lat15-VGA16", "Lat15-Terminus16", "Lat15-TerminusBold16"),
    *("eurlatgr", "latarcyrheb-sun16"),
)


class NotYetShown(Exception):
    """The screen does not hold the chart."""


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines that hold each character twice; the second time in reverse."""

    lines: tuple[str, ...]

    @classmethod
    def of(cls, characters: str) -> Chart:
        """The chart of these characters, with '#' at the end of each line to see it whole."""
        both = [characters[:], characters[::-1]]
        lines = [
            text[start : start + COLUMNS].ljust(COLUMNS, ".") + "#"
            for text in both
            for start in range(0, len(text), COLUMNS)
        ]
        return cls(tuple(lines))


TEXT: Final = Chart.of(ASCII + FURTHER + MISSING)
#: 512 cells without a break, in lines of 80
VGA: Final = Chart(
    tuple((CODE_PAGE + CODE_PAGE[::-1])[start : start + 80] for start in range(0, 512, 80))
)


def measured(picture: bytes, chart: Chart, grid: Grid) -> dict[str, str]:
    """The digest of each character of the chart that the console has. Raises NotYetShown."""
    image = screen.opened(picture)
    cells = grids.cut(screen.masks(image)[0], grid) if image else {}
    for first_row in range(4):
        found = _read(cells, chart, first_row)
        if found is not None:
            return _distinct(found)
    raise NotYetShown


def _read(
    cells: Mapping[tuple[int, int], str], chart: Chart, first_row: int
) -> dict[str, str] | None:
    found: dict[str, str] = {}
    for row, line in enumerate(chart.lines, first_row):
        for column, character in enumerate(line):
            cell = cells.get((row, column), "")
            if found.setdefault(character, cell) != cell:
                return None
    return found if all(found.get(character) for character in "AZaz09#") else None


def _distinct(found: Mapping[str, str]) -> dict[str, str]:
    """One character for each picture, ASCII first; none for what the font does not have."""
    missing = found.get(MISSING)
    kept: dict[str, str] = {}
    for character in sorted(found):
        cell = found[character]
        if cell and cell not in kept.values() and (cell != missing or character.isascii()):
            kept[character] = cell
    return kept


def waited(shot: Callable[[], bytes], chart: Chart, layouts: Sequence[Grid]) -> dict[str, str]:
    """Measure as soon as the chart is there whole. Raises BuildFailed."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        picture = shot()
        for grid in layouts:
            try:
                return measured(picture, chart, grid)
            except NotYetShown:
                pass
        time.sleep(0.5)
    Path("not-shown.ppm").write_bytes(picture)
    raise BuildFailed(f"the chart was not shown within {WAIT_S} s, see not-shown.ppm")


@dataclass(frozen=True, slots=True)
class Source:
    """A console to measure; ``layouts`` are the places where its text may begin."""

    name: str
    width: int
    height: int
    chart: Chart
    start: Callable[[], AbstractContextManager[Display]]
    layouts: Sequence[Grid]


def sources() -> list[Source]:
    """Those that draw one font each."""

    def grub(load_font: str) -> Callable[[], AbstractContextManager[Display]]:
        return lambda: display.grub(TEXT.lines, load_font=load_font, mode="800x600")

    windows = [grids.framed((800, 600), 8, 16)]
    centred = [
        one for size in ((1280, 800), (800, 600), (640, 480)) for one in grids.usual(size, 8, 19)
    ]
    return [
        Source("vga", 8, 16, VGA, display.boot_sector, [Grid(0, 0, 80, 25, 8, 16, 9)]),
        Source("grub-unicode", 8, 16, TEXT, grub("loadfont unicode"), windows),
        Source("grub-built-in", 8, 16, TEXT, grub(""), windows),
        Source("uefi", 8, 19, TEXT, lambda: display.uefi_shell(TEXT.lines), centred),
    ]


def of_linux(
    kernel: Path, fonts: Mapping[str, bytes], *, options: str = "", height: int = 16
) -> Iterator[tuple[str, dict[str, str]]]:
    """The font that the kernel starts with, "built-in", and those that it is given."""
    layout = grids.whole((1024, 768), height // 2, height, 0, 0)
    with display.linux(Linux(kernel, f"vga=792 {options}", fonts), TEXT.lines) as machine:
        while (name := display.shown(machine, WAIT_S)) != "nothing more":
            if name.startswith("refused "):
                raise BuildFailed(f"the kernel was not given the font: {name}")
            yield name.lower(), waited(machine.screenshot, TEXT, [layout])
            machine.machine.write(b"\n")


def write(name: str, width: int, height: int, glyphs: Mapping[str, str]) -> None:
    """The font's file."""
    facts = {
        "measured_by": "python -m lab.glyphs",
        "width": width,
        "height": height,
        "glyphs": glyphs,
    }
    text = json.dumps(facts, ensure_ascii=False, indent=0)
    (TARGET / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    print(f"{name}: {len(glyphs)} characters of {width}x{height}", flush=True)


def loaded(folder: Path | None) -> dict[str, bytes]:
    """The fonts of the folder that are among those to measure, as the kernel takes them."""
    fonts = {}
    for path in sorted(folder.iterdir()) if folder else ():
        name = path.name.removesuffix(".gz").removesuffix(".psfu").removesuffix(".psf")
        if name in LOADED:
            data = path.read_bytes()
            fonts[name] = gzip.decompress(data) if path.suffix == ".gz" else data
    return fonts


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure all, or what is named."""
    parser = argparse.ArgumentParser(prog="python -m lab.glyphs", description=__doc__)
    parser.add_argument("names", nargs="*", help="vga, grub-unicode, grub-built-in, uefi, linux")
    parser.add_argument("--fonts", type=Path, help="a folder of PSF files")
    options = parser.parse_args(arguments)
    TARGET.mkdir(exist_ok=True)
    try:
        for source in sources():
            if not options.names or source.name in options.names:
                with source.start() as machine:
                    glyphs = waited(machine.screenshot, source.chart, source.layouts)
                write(source.name, source.width, source.height, glyphs)
        if not options.names or "linux" in options.names:
            kernel = max(KERNELS.glob("vmlinuz-*-amd64"), default=None)
            if kernel is None:
                raise BuildFailed(f"no kernel in {KERNELS}", hint="Install linux-image-amd64.")
            for name, glyphs in of_linux(kernel, loaded(options.fonts)):
                write(f"linux-{name}", 8, 16, glyphs)
            large = of_linux(kernel, {}, options="fbcon=font:TER16x32", height=32)
            for name, glyphs in large:
                write(f"linux-{name}-large", 16, 32, glyphs)
    except LifebuoyError as error:
        print(f"error: {error.message}\n{error.hint}".rstrip(), file=sys.stderr)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
