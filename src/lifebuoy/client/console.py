"""The serial console of an instance through a server: the same to a terminal as libvirt's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from lifebuoy.client.server import Found, Server
from lifebuoy.client.shapes import understood


class Serial:
    """An open console; ``why`` it was closed by the other side, empty while it was not."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.why = ""

    def read(self, timeout_s: float) -> bytes:
        """What came; empty if nothing did in that time.

        Raises:
            EOFError: the other side has ended it.
        """
        try:
            came = self._socket.recv(timeout_s)
        except TimeoutError:
            return b""
        except ConnectionClosed as error:
            raise self._ended(error) from error
        return came.encode() if isinstance(came, str) else came

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
        self.why = error.rcvd.reason if error.rcvd else "the connection to the server was lost"
        return EOFError(self.why)


@contextmanager
def serial(server: Server, found: Found, *, force: bool) -> Iterator[Serial]:
    """The serial console of an instance, open.

    Raises:
        NotAllowed: it does not run.
        Busy: somebody has it open, and ``force`` does not take it over.
        ServerUnreachable: it cannot be opened.
    """
    body = {"kind": "serial", "force": force}
    told = server.link.send("POST", f"{found.path}/console/tickets", body)
    with understood():
        path, protocols = str(told["path"]), [str(one) for one in told["protocols"]]
    with server.link.socket(path, protocols) as socket:
        yield Serial(socket)
