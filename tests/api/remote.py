"""The command line that speaks to a server, as its user runs it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.api.server import Server
from tests.libvirt.command import Answer, Command

#: What differs from one run to the next: times, ids, keys and ports.
_VARIES: Final = (
    (r"\d+ MiB free", "ROOM"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(\+00:00|Z)", "TIME"),
    (r"\(\d+\.\d s\)", "(SECONDS)"),
    (r"ssh-ed25519 [A-Za-z0-9+/=]+", "KEY"),
    (r"SHA256:[A-Za-z0-9+/]+", "FINGERPRINT"),
    (r"(?<=127\.0\.0\.1:)\d+|(?<=-p )\d+", "PORT"),
    (r'(?<="ssh_port": )\d+', "0"),
    (r"\b[0-9a-f]{12,32}\b", "ID"),
    (r"\b[A-Za-z2-9]{20}\b", "PASSWORD"),
)


@dataclass(frozen=True)
class Remote(Command):
    """Runs ``lifebuoy --server`` with an API key, with everything of the user below ``home``."""

    url: str = ""
    key: str = field(default="", repr=False)

    def _all(self, words: Sequence[str]) -> list[str]:
        return ["--server", self.url, *words]

    def environment(self) -> dict[str, str]:
        """That of any command, and the key."""
        key = {"LIFEBUOY_API_KEY": self.key} if self.key else {}
        return super().environment() | key


def remote(server: Server, account: str, *scopes: str) -> Remote:
    """The command of somebody with a key of that account."""
    key = server.key(account, *(scopes or ("read", "act")))
    return Remote("", server.command.home, server.url, key)


def same(answer: Answer) -> Answer:
    """What is to be the same in each run."""
    return Answer(answer.status, _kept(answer.out), _kept(answer.err))


def _kept(text: str) -> str:
    for pattern, word in _VARIES:
        text = re.sub(pattern, word, text)
    return re.sub(r"lifebuoy --server \S+|lifebuoy --connect \S+", "lifebuoy", text)
