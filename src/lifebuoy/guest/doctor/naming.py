"""Names and texts from a foreign disk, made fit for a terminal and a report: escaped and cut."""

from __future__ import annotations

LONGEST = 300


def plain(text: str, longest: int = LONGEST) -> str:
    """The text without control characters, lone surrogates or direction marks, at most so long."""
    shown = "".join(char if _harmless(char) else _escaped(char) for char in text[: longest + 1])
    return shown if len(text) <= longest else shown[: longest - 1] + "…"


def _harmless(char: str) -> bool:
    return char == "\t" or char.isprintable()


def _escaped(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
