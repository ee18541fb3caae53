"""The host of an SSH URI as a step on the way into its guests: the words OpenSSH takes. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import SplitResult, unquote

from lifebuoy.errors import BadInput

#: What libssh's ``known_hosts_verify`` means in OpenSSH's words; "normal" is its default.
_CHECKING: Final = {"auto": "accept-new", "ignore": "no"}


@dataclass(frozen=True, slots=True)
class SshHop:
    """A host and how SSH reaches it. ``options`` are OpenSSH's, as the URI asks for them."""

    host: str
    user: str = ""
    port: int | None = None
    options: tuple[str, ...] = ()
    program: str = "ssh"

    @property
    def destination(self) -> str:
        """``user@host:port``; an IPv6 address stands in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (
            (f"{self.user}@" if self.user else "") + host + (f":{self.port}" if self.port else "")
        )

    def command(self, *options: str) -> list[str]:
        """An ssh command to the host, with more ``options``; a command for it may be added."""
        port = ["-p", str(self.port)] if self.port else []
        name = f"{self.user}@{self.host}" if self.user else self.host
        return [self.program, *self.options, *port, *options, name]

    def jump(self) -> list[str]:
        """Options that lead another ssh through this host."""
        if self.program == "ssh" and not self.options:
            return ["-J", self.destination]
        # An ssh that -J starts would not be given these options. Percent signs are ssh's own.
        escaped = replace(
            self,
            host=_escaped(self.host),
            user=_escaped(self.user),
            options=tuple(map(_escaped, self.options)),
            program=_escaped(self.program),
        )
        return ["-o", "ProxyCommand=" + shlex.join(escaped.command("-W", "%h:%p"))]


def hop_of(parts: SplitResult, query: Mapping[str, Sequence[str]]) -> SshHop:
    """The hop that the URI ``parts`` name; ``query`` are its parameters.

    Raises:
        BadInput: a host or user that ssh would take for an option.
    """

    def last(name: str) -> str:
        return (query.get(name) or [""])[-1]

    # The user may hold an "@" of its own, so the last one counts (as urlsplit does).
    host, user = parts.hostname or "localhost", unquote(parts.username or "")
    if host.startswith("-") or user.startswith("-"):
        raise BadInput(f"not a host: '{parts.netloc}'")
    options: list[str] = []
    if last("keyfile"):
        options += ["-i", last("keyfile")]
    if last("known_hosts"):
        options += ["-o", f"UserKnownHostsFile={_quoted(last('known_hosts'))}"]
    checking = "no" if last("no_verify") == "1" else _CHECKING.get(last("known_hosts_verify"), "")
    if checking:
        options += ["-o", f"StrictHostKeyChecking={checking}"]
    if last("no_tty") == "1":
        options += ["-o", "BatchMode=yes"]
    return SshHop(host, user, parts.port, tuple(options), last("command") or "ssh")


def _escaped(word: str) -> str:
    return word.replace("%", "%%")


def _quoted(path: str) -> str:
    """As a value in OpenSSH's configuration, where blanks part words."""
    return f'"{path}"' if any(char.isspace() for char in path) else path
