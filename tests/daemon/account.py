"""The users of a machine of its own: their entries in /etc, their homes."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FIRST_NUMBER: Final = 61001  # beyond those that packages and people get


@dataclass(frozen=True)
class User:
    """A user with a home below /run; ``groups`` are those beside its own."""

    name: str
    number: int
    groups: tuple[str, ...] = ()

    @property
    def home(self) -> str:
        """As HOME."""
        return f"/run/home/{self.name}"

    @property
    def runtime(self) -> str:
        """As XDG_RUNTIME_DIR."""
        return f"/run/user/{self.number}"


def write_entries(etc: Path, users: Iterable[User]) -> None:
    """passwd and group in ``etc``: this machine's, and ``users``."""
    people, groups = Path("/etc/passwd").read_text(), Path("/etc/group").read_text()
    for user in users:
        people += f"{user.name}:*:{user.number}:{user.number}::{user.home}:/bin/sh\n"
        groups = "".join(_with_member(line, user) for line in groups.splitlines(keepends=True))
        groups += f"{user.name}:x:{user.number}:\n"
    (etc / "passwd").write_text(people)
    (etc / "group").write_text(groups)


def make_homes(root: Path, users: Iterable[User]) -> None:
    """The users' own folders below ``root``, which nobody else may look into."""
    for user in users:
        for place in (user.home, user.runtime):
            folder = root / place.lstrip("/")
            folder.mkdir(mode=0o700, parents=True)
            os.chown(folder, user.number, user.number)


def _with_member(line: str, user: User) -> str:
    name, *_, members = line.rstrip("\n").split(":")
    if name not in user.groups:
        return line
    return f"{line.rstrip()}{',' if members else ''}{user.name}\n"
