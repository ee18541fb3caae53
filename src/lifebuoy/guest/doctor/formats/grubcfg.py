"""grub.cfg: menu entries with what they load, and what it searches for. No scripts run."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

MOST_LINES = 20_000
MOST_ENTRIES = 500
#: a piece of a word; one whose quote is not closed goes to the end of the line
_PIECE = re.compile(
    r"""'[^']*'?|"(?:[^"\\]|\\.)*(?:"|\\?$)|\$\{[^}\s]*\}?|[{}]|(?:[^\s'"{}\\$]|\\.|\$(?!\{))+|\\$"""
)
_ESCAPED = re.compile(r"\\(.)")


@dataclass
class Entry:
    """One menu entry; ``searches`` are the UUIDs that it sets its root by."""

    title: str
    number: int
    line: int
    linux: str = ""
    linux_line: int = 0
    arguments: tuple[str, ...] = ()
    initrds: tuple[str, ...] = ()
    searches: list[str] = field(default_factory=list)
    other: bool = False  # chain loads, multiboot: not ours to judge

    def argument(self, name: str) -> str:
        """The value of a kernel argument, the last one counting."""
        found = [one[len(name) + 1 :] for one in self.arguments if one.startswith(f"{name}=")]
        return found[-1] if found else ""


@dataclass(frozen=True)
class Config:
    """The entries, the searches outside them, and the default."""

    entries: tuple[Entry, ...]
    searches: tuple[str, ...]
    default: str
    uses_bls: bool
    includes: tuple[str, ...]
    unbalanced: bool


def parse(text: str) -> Config:
    """The configuration with this text."""
    entries: list[Entry] = []
    searches: list[str] = []
    includes: list[str] = []
    default, bls, depth = "", False, 0
    stack: list[tuple[int, Entry]] = []
    for number, raw in enumerate(text.split("\n")[:MOST_LINES], 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        words = _words(line)
        if not words:
            continue
        word = words[0]
        if word == "menuentry" and len(entries) < MOST_ENTRIES:
            entry = Entry(words[1] if len(words) > 1 else "", len(entries), number)
            entries.append(entry)
            stack.append((depth, entry))
        here = stack[-1][1] if stack else None
        if word.startswith("linux") and word in ("linux", "linux16", "linuxefi") and here:
            here.linux = words[1] if len(words) > 1 else ""
            here.linux_line, here.arguments = number, tuple(words[2:])
        elif word in ("initrd", "initrd16", "initrdefi") and here:
            here.initrds = tuple(words[1:])
        elif word in ("chainloader", "multiboot", "multiboot2", "fwsetup", "exit") and here:
            here.other = True
        elif word in ("search", "search.fs_uuid"):
            found = _searched(words)
            if found:
                (here.searches if here else searches).append(found)
        elif word == "set" and len(words) > 1 and words[1].startswith("default="):
            value = words[1][8:]
            default = default if "$" in value else value
        elif word in ("blscfg", "bls_import"):
            bls = True
        elif word in ("configfile", "source") and len(words) > 1:
            includes.append(words[1])
        depth += _braces(line)
        while stack and depth <= stack[-1][0]:
            stack.pop()
    return Config(tuple(entries), tuple(searches), default, bls, tuple(includes), depth != 0)


def _braces(line: str) -> int:
    """How many braces the line opens, less those that it closes; ``${name}`` and quotes aside."""
    count = 0
    for match in _PIECE.finditer(line):
        piece = match.group()
        if piece == "{":
            count += 1
        elif piece == "}":
            count -= 1
    return count


def _words(line: str) -> list[str]:
    """The line's words, quotes and what escapes in them taken off."""
    found: list[str] = []
    parts: list[str] = []
    end = -1
    for match in _PIECE.finditer(line):
        if match.start() != end and parts:
            found.append("".join(parts))
            parts = []
        piece, end = match.group(), match.end()
        if piece[0] == "'":
            piece = piece[1:].removesuffix("'")
        elif piece[0] == '"':
            piece = _ESCAPED.sub(r"\1", piece[1:].removesuffix('"'))
        elif "\\" in piece:
            piece = _ESCAPED.sub(r"\1", piece)
        parts.append(piece)
    return [*found, "".join(parts)] if parts else found


def _searched(words: list[str]) -> str:
    if words[0] == "search.fs_uuid":
        return words[1] if len(words) > 1 else ""
    if "--fs-uuid" not in words and "-u" not in words and "--set=root" not in words:
        return ""
    if "--fs-uuid" not in words and "-u" not in words:
        return ""
    plain, skip = [], False
    for word in words[1:]:
        if skip:
            skip = False
        elif word == "--set":
            skip = True
        elif not word.startswith("-"):
            plain.append(word)
    return plain[-1] if plain else ""
