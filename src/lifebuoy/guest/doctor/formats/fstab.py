"""/etc/fstab, line by line, as libmount and systemd read it."""

from __future__ import annotations

import re
from dataclasses import dataclass

MOST_LINES = 5000
_ESCAPE = re.compile(r"\\([0-7]{3})")
NETWORK = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "glusterfs", "ceph", "9p", "sshfs", "davfs"}
VIRTUAL = {"proc", "sysfs", "tmpfs", "devpts", "devtmpfs", "none", "overlay", "debugfs", "cgroup2"}


@dataclass(frozen=True)
class Line:
    """One line; ``number`` counts from 1 and ``offset`` in bytes. Malformed: too few fields."""

    number: int
    offset: int
    text: str
    source: str = ""
    where: str = ""
    kind: str = ""
    options: tuple[str, ...] = ()
    malformed: str = ""

    @property
    def optional(self) -> bool:
        """Whether a boot goes on where it cannot be mounted."""
        return bool({"nofail", "noauto"} & set(self.options))

    @property
    def network(self) -> bool:
        """Whether it needs the network."""
        return self.kind in NETWORK or "_netdev" in self.options or self.kind.startswith("nfs")


def parse(text: str) -> list[Line]:
    """The lines that mean something; comments and empty ones are left out."""
    found, offset = [], 0
    for number, raw in enumerate(text.split("\n")[:MOST_LINES], 1):
        line = raw.strip(" \t\r")
        if line and not line.startswith("#"):
            found.append(_line(number, offset, line))
        offset += len(raw.encode("utf-8", "surrogateescape")) + 1
    return found


def _line(number: int, offset: int, text: str) -> Line:
    fields = [_ESCAPE.sub(_unescaped, field) for field in text.split()]
    if len(fields) < 3:
        return Line(number, offset, text, malformed=f"{len(fields)} fields, at least 3 are needed")
    source, where, kind = fields[:3]
    options = tuple(fields[3].split(",")) if len(fields) > 3 else ()
    wrong = ""
    if where not in ("none", "swap") and not where.startswith("/") and kind != "swap":
        wrong = "the mount point is no absolute path"
    elif any(not field.lstrip("-").isdigit() for field in fields[4:6]):
        wrong = "dump and pass are no numbers"
    return Line(number, offset, text, source, where, kind, options, wrong)


def _unescaped(match: re.Match[str]) -> str:
    return chr(int(match.group(1), 8) & 0xFF)


def without(text: str, numbers: set[int], note: str) -> str:
    """The text with these lines made comments, each after a line that says why."""
    lines = text.split("\n")
    out = []
    for number, line in enumerate(lines, 1):
        if number in numbers:
            out += [f"# {note}", f"#{line}"]
        else:
            out.append(line)
    return "\n".join(out)


def with_option(text: str, numbers: set[int], option: str) -> str:
    """The text with this option added on these lines."""
    out = []
    for number, line in enumerate(text.split("\n"), 1):
        fields = line.split()
        if number in numbers and len(fields) >= 3:
            if len(fields) == 3:
                fields.append("defaults")
            fields[3] = f"{fields[3]},{option}"
            line = " ".join(fields)
        out.append(line)
    return "\n".join(out)
