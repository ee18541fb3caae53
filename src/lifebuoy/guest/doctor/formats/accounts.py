"""passwd, shadow and group: which lines are whole. Never the password hashes themselves."""

from __future__ import annotations

from dataclasses import dataclass

MOST_LINES = 50_000
FIELDS = {"passwd": 7, "shadow": 9, "group": 4, "gshadow": 4}


@dataclass(frozen=True)
class Account:
    """A line of passwd."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str


def malformed(text: str, kind: str) -> list[int]:
    """The numbers of the lines that do not have the fields of this file."""
    wrong = []
    for number, line in enumerate(text.split("\n")[:MOST_LINES], 1):
        if not line or line.startswith(("#", "+", "-")):
            continue
        fields = line.split(":")
        numeric = {"passwd": (2, 3), "group": (2,)}.get(kind, ())
        if (
            len(fields) != FIELDS[kind]
            or not fields[0]
            or any(not _is_number(fields[at]) for at in numeric)
        ):
            wrong.append(number)
    return wrong


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 10


def accounts(text: str) -> list[Account]:
    """The whole lines of a passwd."""
    found = []
    for line in text.split("\n")[:MOST_LINES]:
        fields = line.split(":")
        if len(fields) == 7 and fields[0] and _is_number(fields[2]) and _is_number(fields[3]):
            found.append(Account(fields[0], int(fields[2]), int(fields[3]), fields[5], fields[6]))
    return found


def names(text: str) -> set[str]:
    """The names that a passwd, shadow or group has."""
    return {line.split(":")[0] for line in text.split("\n")[:MOST_LINES] if ":" in line}
