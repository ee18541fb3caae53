"""PAM's files: which modules a service loads, and which other files it includes."""

from __future__ import annotations

import re
from dataclasses import dataclass

MOST_LINES = 2000
_LINE = re.compile(
    r"^(-?)(auth|account|password|session)\s+(\[[^\]]*\]|\S+)\s+(\S+)", re.IGNORECASE
)


@dataclass(frozen=True)
class Rule:
    """One line: the module or, with ``include``, the file it takes in."""

    number: int
    optional: bool
    control: str
    module: str
    include: bool


def parse(text: str) -> list[Rule]:
    """The rules of one file; comments and what is malformed are left out."""
    found = []
    joined = text.replace("\\\n", " ")
    for number, raw in enumerate(joined.split("\n")[:MOST_LINES], 1):
        line = raw.split("#")[0].strip()
        if line.startswith("@include"):
            name = line[8:].strip()
            if name:
                found.append(Rule(number, False, "include", name, True))
            continue
        match = _LINE.match(line)
        if match is None:
            continue
        dash, _, control, module = match.groups()
        include = control in ("include", "substack")
        optional = bool(dash) or control == "optional"
        found.append(Rule(number, optional, control, module, include))
    return found
