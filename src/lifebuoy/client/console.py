"""The serial console of an instance through a server: the same to a terminal as libvirt's own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from lifebuoy.client.server import Found, Server
from lifebuoy.client.shapes import understood
from lifebuoy.console.ending import CODES, Ending
from lifebuoy.console.seats import TooManyConsoles
from lifebuoy.errors import (
    ConsoleTaken,
    HostTrouble,
    LifebuoyError,
    NotAllowed,
    NotSignedIn,
    ServerUnreachable,
)

#: A server waits no longer for a host.
_OPEN_S: Final = 60.0
_LOST: Final = "the connection to the server was lost"
#: What a close frame without a reason means, such as that of a server that is told to stop.
_WORDS: Final = defaultdict(str, {code: why.value for why, code in CODES.items()})


class Serial:
    """An open console; ``why`` it was closed by the other side, empty while it was not."""

    def __init__(self, socket: ClientConnection, first: bytes = b"") -> None:
        self._socket = socket
        self._first = first
        self.why = ""

    def read(self, timeout_s: float) -> bytes:
        """What came; empty if nothing did in that time.

        Raises:
            EOFError: the other side has ended it.
        """
        if self._first:
            first, self._first = self._first, b""
            return first
        try:
            came = self._socket.recv(timeout_s)
        except TimeoutError:
            return b""
        except ConnectionClosed as error:
            raise self._ended(error) from error
        return _bytes_of(came)

    def write(self, data: bytes, timeout_s: float) -> None:
        """Type something. What the server does not take is held back by its connection.

        Raises:
            EOFError: the other side has ended it.
        """
        try:
            self._socket.send(data)
        except ConnectionClosed as error:
            raise self._ended(error) from error

    def _ended(self, error: ConnectionClosed) -> EOFError:
        self.why = _LOST if error.rcvd is None else error.rcvd.reason or _WORDS[error.rcvd.code]
        return EOFError(self.why)


@contextmanager
def serial(server: Server, found: Found, *, force: bool) -> Iterator[Serial]:
    """The serial console of an instance, open.

    Raises:
        NotAllowed: it does not run.
        ConsoleTaken: somebody has it open, and ``force`` does not take it over.
        TooManyConsoles: as many are open as may be.
        HostTrouble: it cannot be opened.
    """
    body = {"kind": "serial", "force": force}
    told = server.link.send("POST", f"{found.path}/console/tickets", body)
    with understood():
        path, protocols = str(told["path"]), [str(one) for one in told["protocols"]]
    with server.link.socket(path, protocols) as socket:
        yield Serial(socket, _opened(socket))


def _opened(socket: ClientConnection) -> bytes:
    """Wait until the server says that it is open, with a message that is empty."""
    try:
        return _bytes_of(socket.recv(_OPEN_S))
    except TimeoutError:
        raise ServerUnreachable(f"the console was not open within {_OPEN_S:g} s") from None
    except ConnectionClosed as error:
        raise _refusal(error) from error


def _refusal(closed: ConnectionClosed) -> LifebuoyError:
    """Why it was not opened, in the words that the core would have for it."""
    if closed.rcvd is None:
        return ServerUnreachable(_LOST)
    code = closed.rcvd.code
    # the word for programs, then what it is in words
    words = closed.rcvd.reason.partition(" ")[2] or "the console was not opened"
    if code == CODES[Ending.TAKEN]:
        return ConsoleTaken(
            words, hint="somebody else has it open; take it over with --force", safe=""
        )
    if code == CODES[Ending.TOO_MANY]:
        return TooManyConsoles(words, hint="close one of them", safe="")
    if code == CODES[Ending.STOPPED]:
        return NotAllowed(words, safe="")
    if code == CODES[Ending.SIGNED_OUT]:
        return NotSignedIn("the API key is not good any more", safe="")
    if code == CODES[Ending.SERVER_ENDS]:
        return ServerUnreachable("the server is ending", hint="try again in a moment", safe="")
    return HostTrouble(words, safe="")


def _bytes_of(came: str | bytes) -> bytes:
    return came.encode() if isinstance(came, str) else came
