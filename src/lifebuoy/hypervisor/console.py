"""A domain's serial console as bytes in and out. Not a terminal: keys and modes are the face's.

A non-blocking stream, served by libvirt's event loop, so that a silent guest holds up nothing:
on a connection of its own where there is a daemon, on the shared one if embedded.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from types import TracebackType
from typing import Any, Final, Self

import libvirt

from lifebuoy.errors import ConsoleTaken, HostTrouble, TimedOut
from lifebuoy.hypervisor.link import Link
from lifebuoy.hypervisor.translation import as_ours, translated

_READ_SIZE: Final = 64 * 1024
_READS_AT_ONCE: Final = 32
_BUFFER_LIMIT: Final = 16 * 1024 * 1024  # of a guest that floods a console nobody reads
_WRITE_DEADLINE_S: Final = 30.0
_WOULD_BLOCK: Final = -2


class SerialConsole:
    """An open console; a context manager. Made by ``Domain.open_serial``."""

    def __init__(self, link: Link, uuid: str, *, force: bool) -> None:
        self._changed = threading.Condition()
        self._incoming: deque[bytes] = deque()
        self._buffered = 0
        self._outgoing = bytearray()
        self._ended = False
        self._conn: Any = None if link.facts.is_embedded else link.fresh()
        conn = link.conn if self._conn is None else self._conn
        try:
            self._stream = _open(conn, uuid, force)
            with translated("watch the serial console"):
                self._stream.eventAddCallback(self._watched(), self._on_event, None)
        except BaseException:
            self._close_connection(link)
            raise
        self._link = link

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    def read(self, timeout_s: float) -> bytes:
        """What came since the last read, waiting at most ``timeout_s``; b'' if nothing came.

        Raises:
            EOFError: the console has ended (the domain stopped, or another caller took it).
        """
        with self._changed:
            self._changed.wait_for(lambda: self._incoming or self._ended, timeout_s)
            if self._incoming:
                data = b"".join(self._incoming)
                self._incoming.clear()
                self._buffered = 0
                return data
            if self._ended:
                raise EOFError("the serial console has ended")
            return b""

    def read_until(self, wanted: bytes, timeout_s: float) -> bytes:
        """All that came up to and with ``wanted``, and what came in the same breath.

        Raises:
            TimedOut: it did not come in time.
            EOFError: the console ended before.
        """
        deadline = time.monotonic() + timeout_s
        seen = b""
        while wanted not in seen:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimedOut(f"the serial console did not say {wanted!r} in {timeout_s:g} s")
            seen += self.read(left)
        return seen

    def write(self, data: bytes, timeout_s: float = _WRITE_DEADLINE_S) -> None:
        """Send ``data``; comes back when the host has taken it all.

        Raises:
            EOFError: the console has ended.
            TimedOut: the guest does not read its console.
        """
        with self._changed:
            self._outgoing += data
        self._send()
        with self._changed:
            done = self._changed.wait_for(lambda: not self._outgoing or self._ended, timeout_s)
            if self._ended:
                raise EOFError("the serial console has ended")
            if not done:
                self._outgoing.clear()
                raise TimedOut("the guest does not take what is typed on its serial console")

    def close(self) -> None:
        """Let go of the console; calling it twice is fine."""
        with self._changed:
            was_open, self._ended = not self._ended, True
            self._changed.notify_all()
        if was_open:
            self._drop_stream()
        self._close_connection(self._link)

    def _watched(self) -> int:
        events = libvirt.VIR_STREAM_EVENT_READABLE
        events |= libvirt.VIR_STREAM_EVENT_ERROR | libvirt.VIR_STREAM_EVENT_HANGUP
        if self._outgoing:
            events |= libvirt.VIR_STREAM_EVENT_WRITABLE
        return int(events)

    def _on_event(self, _stream: Any, events: int, _opaque: object) -> None:
        """Called in the event loop's thread."""
        if events & libvirt.VIR_STREAM_EVENT_READABLE:
            self._receive()
        if events & libvirt.VIR_STREAM_EVENT_WRITABLE:
            self._send()
        if events & (libvirt.VIR_STREAM_EVENT_ERROR | libvirt.VIR_STREAM_EVENT_HANGUP):
            self._receive()
            self._end()

    def _receive(self) -> None:
        for _ in range(_READS_AT_ONCE):  # other streams want the event loop, too
            try:
                data = self._stream.recv(_READ_SIZE)
            except libvirt.libvirtError:
                self._end()
                return
            if data == _WOULD_BLOCK:
                return
            if not data:
                self._end()
                return
            with self._changed:
                self._incoming.append(data)
                self._buffered += len(data)
                while self._buffered > _BUFFER_LIMIT:
                    self._buffered -= len(self._incoming.popleft())
                self._changed.notify_all()

    def _send(self) -> None:
        with self._changed:
            try:
                while self._outgoing and not self._ended:
                    sent = self._stream.send(bytes(self._outgoing[:_READ_SIZE]))
                    if sent == _WOULD_BLOCK:
                        break
                    del self._outgoing[:sent]
                if not self._ended:
                    self._stream.eventUpdateCallback(self._watched())
            except libvirt.libvirtError:
                self._ended = True
            self._changed.notify_all()

    def _end(self) -> None:
        with self._changed:
            if self._ended:
                return
            self._ended = True
            self._changed.notify_all()
        self._drop_stream()

    def _drop_stream(self) -> None:
        for step in (self._stream.eventRemoveCallback, self._stream.abort):
            try:
                step()
            except libvirt.libvirtError:
                continue  # the peer was faster; either way the stream is gone

    def _close_connection(self, link: Link) -> None:
        conn, self._conn = self._conn, None
        if conn is not None and conn is not link.conn:
            with translated("close the serial console's connection"):
                conn.close()


def _open(conn: Any, uuid: str, force: bool) -> Any:
    flags = libvirt.VIR_DOMAIN_CONSOLE_FORCE if force else 0
    try:
        stream = conn.newStream(libvirt.VIR_STREAM_NONBLOCK)
        conn.lookupByUUIDString(uuid).openConsole(None, stream, flags)
    except libvirt.libvirtError as exc:
        error = as_ours(exc, "open the serial console", error=HostTrouble)
        if "Active console session" in error.message:
            raise ConsoleTaken(
                error.message, hint="somebody else has it open; take it over with --force"
            ) from exc
        raise error from exc
    return stream
