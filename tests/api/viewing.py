"""A console's viewer as far as its protocols go: over a WebSocket, with a ticket."""

from __future__ import annotations

import struct
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from tests.api.server import V1, Server

RFB: Final = b"RFB 003.008\n"
CONTROL, ALT, DELETE = 0xFFE3, 0xFFE9, 0xFFFF
_WAIT_S: Final = 30.0


def ticket(client: httpx.Client, uuid: str, kind: str, **more: Any) -> dict[str, Any]:
    """A new ticket."""
    answer = client.post(f"{V1}/instances/-/{uuid}/console/tickets", json={"kind": kind, **more})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def opened(
    server: Server,
    found: Mapping[str, Any],
    headers: Mapping[str, str],
    *,
    origin: str | None = None,
) -> ClientConnection:
    """The console that a ticket is for."""
    return connect(
        f"ws://{urlsplit(server.url).netloc}{found['path']}",
        origin=Origin(origin) if origin else None,
        subprotocols=[Subprotocol(one) for one in found["protocols"]],
        additional_headers=headers,
        compression=None,
        open_timeout=_WAIT_S,
    )


def bearer(client: httpx.Client) -> dict[str, str]:
    """What an API key's client proves itself with."""
    return {"Authorization": client.headers["authorization"]}


def cookie(client: httpx.Client) -> dict[str, str]:
    """What a browser proves itself with."""
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in client.cookies.items())}


class Screen:
    """A VNC viewer that has signed in."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._came = b""
        assert self.take(len(RFB)) == RFB
        socket.send(RFB)
        assert self.take(2) == b"\1\1"
        socket.send(b"\1")
        assert self.take(4) == bytes(4)
        socket.send(b"\0")
        self.width, self.height = struct.unpack(">HH", self.take(4))
        self.name = self.take(struct.unpack(">16xI", self.take(20))[0]).decode()

    def take(self, size: int) -> bytes:
        """The next bytes, waiting for them."""
        while len(self._came) < size:
            piece = self._socket.recv(_WAIT_S)
            assert isinstance(piece, bytes)
            self._came += piece
        found, self._came = self._came[:size], self._came[size:]
        return found

    def key(self, symbol: int, *, down: bool) -> None:
        """Press a key or let it go."""
        self._socket.send(struct.pack(">BBxxI", 4, down, symbol))

    def ask(self) -> None:
        """Ask for all of the screen."""
        self._socket.send(struct.pack(">BBHHHH", 3, 0, 0, 0, self.width, self.height))


def ending(socket: ClientConnection, within_s: float = _WAIT_S) -> tuple[int, str]:
    """With which code and reason the other side closes it."""
    deadline = time.monotonic() + within_s
    try:
        while True:
            socket.recv(max(0.01, deadline - time.monotonic()))
    except ConnectionClosed as closed:
        assert closed.rcvd is not None
        return closed.rcvd.code, closed.rcvd.reason


def heard(socket: ClientConnection, wanted: bytes, within_s: float = _WAIT_S) -> bytes:
    """All that came up to and with ``wanted``."""
    deadline, seen = time.monotonic() + within_s, b""
    while wanted not in seen:
        piece = socket.recv(max(0.01, deadline - time.monotonic()))
        assert isinstance(piece, bytes)
        seen += piece
    return seen
