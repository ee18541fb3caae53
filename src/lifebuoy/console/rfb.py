"""VNC's protocol (RFC 6143) as far as a relay must know it. Pure but for ``enter``.

The relay signs in to QEMU itself and asks nothing of the viewer, which has shown a ticket: so a
VNC password stays on this side. What QEMU sends passes as it comes. What the viewer sends is read:
in rescue mode Ctrl-Alt-Del is held back, and at no time may a viewer cut the power, for which
there is an extension that the instance's own definition may allow.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from typing import Final

from lifebuoy.console.keys import Held
from lifebuoy.errors import HostTrouble, LifebuoyError, Refused

VERSION: Final = b"RFB 003.008\n"
_NONE: Final = 1
_PASSWORD: Final = 2
_PASSWORD_MOST: Final = 8
_CUT_TEXT_MOST: Final = 256 * 1024
_REASON_MOST: Final = 4096
#: Pseudo-encodings whose further messages the relay does not know, or does not pass: audio, power
#: (xvp), more buttons of a mouse.
_NOT_OFFERED: Final = frozenset({-259, -309, -316})


class NotRfb(LifebuoyError):
    """What came is not of the protocol."""

    code = "not-rfb"


def enter(server: socket.socket, password: str) -> None:
    """Sign in to a VNC server, up to before the message that begins the session.

    ``server`` has a timeout. ``password`` is empty where there is none.

    Raises:
        Refused: it wants something else than a password, or refuses this one.
        HostTrouble: it is no VNC server, or does not answer.
    """
    try:
        _enter(server, password)
    except OSError as error:
        raise HostTrouble(f"the screen does not answer: {error}", safe="") from error


def _enter(server: socket.socket, password: str) -> None:
    version = _exactly(server, len(VERSION))
    if not version.startswith(b"RFB 003.") or version < VERSION:
        raise HostTrouble("the screen speaks another protocol than VNC 3.8", safe="")
    server.sendall(VERSION)
    kinds = _exactly(server, _exactly(server, 1)[0])
    if not kinds:
        raise Refused(f"the screen refuses: {_reason(server)}", safe="")
    if _NONE in kinds:
        server.sendall(bytes([_NONE]))
    elif _PASSWORD in kinds and password:
        server.sendall(bytes([_PASSWORD]))
        server.sendall(answer(_exactly(server, 16), password))
    else:
        raise Refused(
            "the screen asks for a way to sign in that is not known here (TLS or SASL)",
            hint="use virt-viewer",
            safe="",
        )
    if struct.unpack(">I", _exactly(server, 4))[0]:
        raise Refused(f"the screen refuses: {_reason(server)}", safe="")


def answer(challenge: bytes, password: str) -> bytes:
    """The answer to VNC's challenge: DES, keyed by the password with the bits of each byte turned
    around, as the protocol was made in the nineties."""
    from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES  # slow to load
    from cryptography.hazmat.primitives.ciphers import Cipher, modes

    key = password.encode("latin-1", "replace")[:_PASSWORD_MOST].ljust(_PASSWORD_MOST, b"\0")
    turned = bytes(int(f"{byte:08b}"[::-1], 2) for byte in key)
    des = Cipher(TripleDES(turned * 3), modes.ECB()).encryptor()  # thrice the same is single DES
    return des.update(challenge) + des.finalize()


class Viewer:
    """What one viewer sends, as it comes in pieces. ``guarded``: no Ctrl-Alt-Del passes."""

    def __init__(self, *, guarded: bool) -> None:
        self._held = Held() if guarded else None
        self._came = bytearray()
        self._step: Callable[[], tuple[bytes, bytes] | None] = self._version

    def take(self, data: bytes) -> tuple[bytes, bytes]:
        """What goes back to the viewer, and what goes on to the server.

        Raises:
            NotRfb: it is not of the protocol.
        """
        self._came += data
        back, on = bytearray(), bytearray()
        while (passed := self._step()) is not None:
            back += passed[0]
            on += passed[1]
        return bytes(back), bytes(on)

    def _taken(self, size: int) -> bytes | None:
        """The next bytes, once all of them are there."""
        if len(self._came) < size:
            return None
        found = bytes(self._came[:size])
        del self._came[:size]
        return found

    def _version(self) -> tuple[bytes, bytes] | None:
        if (said := self._taken(len(VERSION))) is None:
            return None
        if said != VERSION:
            raise NotRfb("the viewer speaks another protocol than VNC 3.8")
        self._step = self._security
        return bytes([1, _NONE]), b""

    def _security(self) -> tuple[bytes, bytes] | None:
        if (said := self._taken(1)) is None:
            return None
        if said[0] != _NONE:
            raise NotRfb("the viewer chose what was not offered")
        self._step = self._beginning
        return struct.pack(">I", 0), b""

    def _beginning(self) -> tuple[bytes, bytes] | None:
        if self._taken(1) is None:
            return None
        self._step = self._message
        return b"", b"\1"  # shared: one who comes throws nobody out

    def _message(self) -> tuple[bytes, bytes] | None:
        if not self._came:
            return None
        size = _size(self._came)
        if size is None or (message := self._taken(size)) is None:
            return None
        return b"", self._allowed(message)

    def _allowed(self, message: bytes) -> bytes:
        """The message as it goes on, or nothing."""
        match message[0]:
            case 2:
                return _offered(message)
            case 4 if self._held is not None:
                down, symbol = struct.unpack(">xBxxI", message)
                return message if self._held.passes(bool(down), symbol, 0) else b""
            case 255 if self._held is not None:
                down, symbol, code = struct.unpack(">xxHII", message)
                return message if self._held.passes(bool(down), symbol, code) else b""
            case 250:
                return b""
        return message


def _size(came: bytearray) -> int | None:
    """How long the message is that begins there; None until that can be told.

    Raises:
        NotRfb: there is no such message.
    """
    fixed = {0: 20, 3: 10, 4: 8, 5: 6, 150: 10, 250: 4}.get(came[0])
    if fixed is not None:
        return fixed
    head = {2: 4, 6: 8, 248: 9, 251: 8, 255: 2}.get(came[0])
    if head is None:
        raise NotRfb(f"there is no message {came[0]} of a viewer")
    if len(came) < head:
        return None
    return head + _rest(came)


def _rest(came: bytearray) -> int:
    """What follows the head of a message whose length is told there."""
    match came[0]:
        case 2:
            return 4 * int.from_bytes(came[2:4])
        case 6:
            length = abs(int.from_bytes(came[4:8], signed=True))
            if length > _CUT_TEXT_MOST:
                raise NotRfb("the text to paste is too long")
            return length
        case 248:
            return came[8]
        case 251:
            return 16 * came[6]
    if came[1]:
        raise NotRfb("of QEMU's messages only keys are known")
    return 10


def _offered(message: bytes) -> bytes:
    """The encodings that a viewer knows, without those that do not pass."""
    known = [one for (one,) in struct.iter_unpack(">i", message[4:]) if one not in _NOT_OFFERED]
    return struct.pack(f">BxH{len(known)}i", 2, len(known), *known)


def _exactly(server: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        piece = server.recv(size - len(found))
        if not piece:
            raise HostTrouble("the screen was closed by the host", safe="")
        found += piece
    return found


def _reason(server: socket.socket) -> str:
    size = min(struct.unpack(">I", _exactly(server, 4))[0], _REASON_MOST)
    return _exactly(server, size).decode("utf-8", "replace")
