"""Where words go: results to standard output, progress, notes and errors to standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text


def out() -> Console:
    """Standard output. Made at each use, as a test or a caller may have replaced the stream."""
    return Console(file=sys.stdout, highlight=False, markup=False, emoji=False)


def err() -> Console:
    """Standard error."""
    return Console(file=sys.stderr, highlight=False, markup=False, emoji=False)


def interactive() -> bool:
    """Whether somebody is there to be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def clean(text: str) -> str:
    """``text`` without what could command a terminal: guests and files have a say in it."""
    return "".join(char for char in text if char.isprintable() or char in "\n\t")


def say(*lines: str | Text) -> None:
    """Result lines, never cut or wrapped: they may be copied or piped."""
    console = out()
    for line in lines:
        console.print(clean(line) if isinstance(line, str) else line, soft_wrap=True)


def note(*lines: str | Text) -> None:
    """Lines beside the result."""
    console = err()
    for line in lines:
        console.print(clean(line) if isinstance(line, str) else line, soft_wrap=True)


def print_json(value: object) -> None:
    """A result as JSON on standard output; dataclasses become objects."""
    sys.stdout.write(as_json(value) + "\n")


def as_json(value: object) -> str:
    """``value`` as indented JSON text."""
    return json.dumps(_plain(value), indent=2, ensure_ascii=False)


def json_line(value: object) -> str:
    """``value`` as one line of JSON text."""
    return json.dumps(_plain(value), ensure_ascii=False) + "\n"


def facts(rows: Iterable[tuple[str, object]]) -> None:
    """Lines of 'name  value'; rows without a value are left out."""
    shown = [(name, clean(str(value))) for name, value in rows if value not in (None, "")]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        first, *rest = value.splitlines() or [""]
        say(Text.assemble((name.ljust(width) + "  ", "dim"), first))
        say(*(" " * (width + 2) + line for line in rest))


def diff_text(lines: Iterable[str]) -> Text:
    """A unified diff, coloured."""
    styles = {"+++": "bold", "---": "bold", "@@": "cyan", "+": "green", "-": "red"}
    text = Text()
    for line in lines:
        style = next((style for mark, style in styles.items() if line.startswith(mark)), "")
        text.append(clean(line).rstrip("\n") + "\n", style)
    text.rstrip()
    return text


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value
