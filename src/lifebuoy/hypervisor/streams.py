"""Bytes through libvirt's blocking streams: up, down, whole. Not the serial console."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import libvirt

_CHUNK: Final = 128 * 1024  # one message of libvirt's protocol holds at most 256 KiB


def receive(conn: Any, begin: Callable[[Any], object]) -> bytes:
    """All that comes through a new stream of ``conn``; ``begin(stream)`` starts the transfer."""
    stream = conn.newStream()
    parts: list[bytes] = []
    with _aborted_on_failure(stream):
        begin(stream)
        while chunk := stream.recv(_CHUNK):
            parts.append(chunk)
        stream.finish()
    return b"".join(parts)


def pour(
    conn: Any,
    begin: Callable[[Any], object],
    on_data: Callable[[bytes], object],
    on_hole: Callable[[int], object],
) -> None:
    """All that comes through a new sparse stream, piece by piece; holes by their length."""
    stream = conn.newStream()
    with _aborted_on_failure(stream):
        begin(stream)
        stream.sparseRecvAll(
            lambda _stream, data, _opaque: _taken(on_data, data),
            lambda _stream, length, _opaque: _taken(on_hole, length),
            None,
        )
        stream.finish()


def _taken(take: Callable[[Any], object], what: Any) -> int:
    take(what)
    return 0


def send(
    conn: Any,
    begin: Callable[[Any], object],
    data: Iterable[bytes],
    on_sent: Callable[[int], None],
) -> None:
    """Send ``data`` through a new stream; ``on_sent`` gets the bytes sent so far."""
    stream = conn.newStream()
    done = 0
    with _aborted_on_failure(stream):
        begin(stream)
        for chunk in data:
            view = memoryview(chunk)
            while view:
                sent = int(stream.send(bytes(view)))
                view = view[sent:]
                done += sent
            on_sent(done)
        stream.finish()


def chunks(data: bytes | Path, start: int, size: int) -> Iterator[bytes]:
    """``size`` bytes of ``data``, or of the file's content, in pieces fit for ``send``."""
    with io.BytesIO(data) if isinstance(data, bytes) else data.open("rb") as file:
        file.seek(start)
        while size > 0 and (chunk := file.read(min(size, _CHUNK))):
            size -= len(chunk)
            yield chunk


class _aborted_on_failure:
    """Abort the stream if the block fails or is interrupted, so that the peer lets go of it."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        if kind is None:
            return
        try:
            self._stream.abort()
        except libvirt.libvirtError:
            return  # it never began, or the peer ended it; the first error tells more
