"""/etc/crypttab: the names under which the guest opens encrypted volumes."""

from __future__ import annotations

from dataclasses import dataclass

MOST_LINES = 1000


@dataclass(frozen=True)
class Line:
    """One line: ``mapped`` is the path in /dev/mapper, ``source`` what is opened."""

    mapped: str
    source: str


def parse(text: str) -> list[Line]:
    """The lines that mean something."""
    found = []
    for raw in text.split("\n")[:MOST_LINES]:
        fields = raw.split()
        if len(fields) >= 2 and not fields[0].startswith("#"):
            found.append(Line(f"/dev/mapper/{fields[0]}", fields[1]))
    return found
