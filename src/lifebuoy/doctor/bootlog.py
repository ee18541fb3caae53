"""What a machine said while it booted, read for the cause of its failure. Pure.

Such text is messy: colour codes, carriage returns, redrawn screens, several boots one after the
other, of which the last counts, and lines of several writers woven into one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from lifebuoy.doctor.patterns import PATTERNS, Pattern

MOST_BYTES: Final = 4 << 20
_CONTROL: Final = re.compile(
    r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-Z\\-_]|\x1b[()][0-9A-B]"
)
_BACKSPACES: Final = re.compile(r"[^\n\x08]\x08")
#: what a boot begins with, by how early in it
_STARTS: Final = (
    (0, re.compile(r"SeaBIOS \(version|UEFI firmware \(version|BdsDxe: (?:loading|failed)")),
    (1, re.compile(r"GRUB loading|Welcome to GRUB")),
    (2, re.compile(r"Linux version \d+\.\d+")),
)
#: drawn again after an error: the start of a boot only where a kernel came before it
_MENU: Final = re.compile(r"GNU GRUB +version")
_LOGIN: Final = re.compile(r"^\S+ login: *", re.MULTILINE)
_TIME: Final = re.compile(r"^\[ *\d+\.\d{6}\] ?", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Sign:
    """A pattern that was seen, and the line it was seen in."""

    pattern: Pattern
    line: str
    position: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the last boot came to. ``cause`` is the sign to act on, None where nothing is known."""

    cause: Sign | None
    signs: tuple[Sign, ...]
    reached_login: bool
    last_line: str


def clean(raw: bytes) -> str:
    """The text without colours, cursor movements, carriage returns, zeros and time stamps."""
    text = raw[-MOST_BYTES:].decode("utf-8", "replace")
    text = _CONTROL.sub("", text).replace("\0", "").replace("\r\n", "\n").replace("\r", "\n")
    for _ in range(3):  # spinners draw over themselves
        text = _BACKSPACES.sub("", text)
    return _TIME.sub("", text.replace("\x08", ""))


def last_boot(text: str) -> str:
    """The part of the text that belongs to the last boot."""
    found = sorted(
        [
            *((match.start(), rank, True) for rank, one in _STARTS for match in one.finditer(text)),
            *((match.start(), 1, False) for match in _MENU.finditer(text)),
        ]
    )
    begin, before, first = 0, -1, True
    for position, rank, repeats in found:
        again = rank < before or (rank == before and rank != 0 and repeats)
        if first or again:
            begin = begin if first else position
            first = False
        before = rank
    return text[begin:]


def read(raw: bytes) -> Verdict:
    """The verdict on the last boot in this output."""
    text = last_boot(clean(raw))
    signs = []
    for pattern in PATTERNS:
        match = pattern.regex().search(text)
        if match is not None:
            signs.append(Sign(pattern, _line(text, match.start()), match.start()))
    signs.sort(key=lambda sign: sign.position)
    login = [match.start() for match in _LOGIN.finditer(text)]
    reached = bool(login)
    telling = [sign for sign in signs if not sign.pattern.general]
    cause = next(iter(telling or signs), None)
    if reached and cause is not None and cause.position < login[-1]:
        cause = None
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    return Verdict(cause, tuple(signs), reached, lines[-1][:300] if lines else "")


def _line(text: str, position: int) -> str:
    start = text.rfind("\n", 0, position) + 1
    end = text.find("\n", position)
    line = text[start : end if end >= 0 else len(text)].strip()
    return "".join(char if char.isprintable() else "?" for char in line)[:300]
