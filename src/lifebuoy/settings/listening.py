"""Where the server listens, and the addresses at which browsers and commands see it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from lifebuoy.errors import BadInput

#: This machine alone: whoever wants more says so.
LISTEN: Final = "127.0.0.1:8765"
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_LISTEN: Final = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+)):([0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class Listen:
    """A host, without brackets, and a port; port 0 lets the system choose one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def listen_of(text: str) -> Listen:
    """``HOST:PORT`` taken apart.

    Raises:
        BadInput: it is not of that form.
    """
    found = _LISTEN.fullmatch(text)
    if found is None or int(found[3]) > 65535:
        raise BadInput("that is no HOST:PORT", hint=f"for example {LISTEN} or [::1]:8765")
    return Listen(found[1] or found[2], int(found[3]))


def require_origin(text: str) -> str:
    """``text``, if it is an origin (RFC 6454): scheme and host, perhaps a port, and nothing else.

    Raises:
        BadInput: it is not.
    """
    if not text:
        return text
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        port, parts = None, urlsplit("")
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    plain = f"{parts.scheme}://{host}" + ("" if port is None else f":{port}")
    if parts.scheme not in {"http", "https"} or plain != text:
        raise BadInput("that is no origin", hint="for example https://rescue.example")
    return text


def require_server(text: str) -> str:
    """``text``, if commands may speak to a server at that address: an origin, by TLS unless it is
    on this machine, as the API key would be read on the way.

    Raises:
        BadInput: they may not.
    """
    origin = require_origin(text.rstrip("/"))
    if origin.startswith("http:") and not is_on_loopback(origin):
        raise BadInput(
            "the API key would go over the network in clear",
            hint="https://..., or a tunnel: ssh -L 8765:127.0.0.1:8765 HOST, then "
            "http://127.0.0.1:8765",
        )
    return origin


def is_on_loopback(url: str) -> bool:
    """Whether an address is this machine's own."""
    return urlsplit(url).hostname in _LOOPBACK
