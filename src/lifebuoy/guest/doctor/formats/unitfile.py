"""systemd's unit files: whether it loads one, as systemd.syntax(7) and systemd.service(5) say.

A line that it passes over with a warning is no fault; nor is what a setting says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

MOST_BYTES = 1 << 20
MOST_LINES = 20_000
_FOLDER = re.compile(r"^(/usr)?/lib/systemd/(system|user)/")
_KINDS = ("automount", "mount", "path", "scope", "service", "slice", "socket", "swap", "target")
_NAME = re.compile(rf"\.({'|'.join(_KINDS)}|timer|conf)$")
#: a service without any of these is refused
_DOES = ("ExecStart", "ExecStop", "SuccessAction")
_PREFIXES = "@-:+!|"


def is_unit(path: str) -> bool:
    """Whether a path is that of a package's unit, or of a piece of one."""
    return bool(_FOLDER.match(path) and _NAME.search(path))


def fault(text: str, name: str) -> str:
    """Why systemd does not load it; empty where it does."""
    if not text.strip():
        return "is empty, which masks it"
    if "\0" in text:
        return "has zeros in it"
    sections: set[str] = set()
    keys: set[str] = set()
    for section, key, _ in settings(text):
        if section.startswith("["):
            return f"has the section header {section[:40]}"
        sections.add(section)
        keys.add(key)
    if not sections:
        return "has no section"
    if name.endswith(".service") and "Service" in sections and keys.isdisjoint(_DOES):
        return "starts nothing"
    return ""


def programs(text: str) -> list[str]:
    """The absolute paths that must be there for it to start."""
    found = []
    for section, key, value in settings(text):
        word = value.split(None, 1)[0] if value else ""
        path = word.lstrip(_PREFIXES)
        optional = "-" in word[: len(word) - len(path)]
        if (section, key) == ("Service", "ExecStart") and path.startswith("/") and not optional:
            found.append(path)
    return [path for path in found if "%" not in path and "$" not in path]


def settings(text: str) -> Iterator[tuple[str, str, str]]:
    """Section, key and value of each setting; a header alone has neither, a bad one keeps its
    bracket.
    """
    section = ""
    pieces: list[str] = []
    for line in text.split("\n")[:MOST_LINES]:
        stripped = line.strip()
        if stripped.startswith(("#", ";")):
            continue
        if stripped.endswith("\\"):
            pieces.append(stripped[:-1])
            continue
        whole = " ".join([*pieces, stripped])
        pieces = []
        if whole.startswith("["):
            section = whole[1:-1] if whole.endswith("]") else whole
            yield section, "", ""
        else:
            key, equals, value = whole.partition("=")
            if equals and section:
                yield section, key.strip(), value.strip()
