"""An initramfs: cpio archives, the last one compressed; the names in it, and if it is whole."""

from __future__ import annotations

import bz2
import lzma
import shutil
import subprocess
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

MOST_BYTES = 2 << 30
MOST_NAMES = 100_000
CHUNK = 1 << 20
_MAGIC = (b"070701", b"070702")


@dataclass(frozen=True)
class Listing:
    """Names in the archives; ``fault``: where it breaks off; ``unread``: no unpacker here."""

    names: frozenset[str]
    fault: str = ""
    unread: str = ""


class _Broken(Exception):
    pass


class _Stream:
    """Bytes from an iterator of chunks, read in exact lengths."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._held, self.position = chunks, b"", 0

    def fill(self, length: int) -> bool:
        while len(self._held) < length:
            chunk = next(self._chunks, b"")
            if not chunk:
                return False
            self._held += chunk
        return True

    def take(self, length: int) -> bytes:
        if not self.fill(length):
            raise _Broken("it ends in the middle of a file")
        data, self._held = self._held[:length], self._held[length:]
        self.position += length
        return data

    def skip(self, length: int) -> None:
        while length > 0:
            part = min(length, CHUNK)
            self.take(part)
            length -= part

    def peek(self, length: int) -> bytes:
        self.fill(length)
        return self._held[:length]

    def rest(self) -> Iterator[bytes]:
        if self._held:
            held, self._held = self._held, b""
            yield held
        yield from self._chunks


def listing(file: BinaryIO) -> Listing:
    """The names in an initramfs that is open at its start."""
    names: set[str] = set()
    stream = _Stream(iter(lambda: file.read(CHUNK), b""))
    try:
        for _ in range(8):
            _zeros(stream)
            head = stream.peek(6)
            if not head:
                break
            if head in _MAGIC:
                _archive(stream, names)
                continue
            kind = _kind(head)
            if not kind:
                raise _Broken("it is no archive" if not names else "rubbish follows the archive")
            if kind in _PROGRAMS and shutil.which(_PROGRAMS[kind][0]) is None:
                return Listing(frozenset(names), unread=kind)
            inner = _Stream(_unpacked(kind, stream.rest()))
            if inner.peek(6) not in _MAGIC:
                raise _Broken(f"its {kind} part cannot be unpacked")
            while inner.peek(6) in _MAGIC:
                _archive(inner, names)
                _zeros(inner)
            for _ in inner.rest():
                pass  # to the end, where the checksum is
            break
        if not names:
            raise _Broken("it is empty")
    except _Broken as broken:
        return Listing(frozenset(names), fault=str(broken))
    except (zlib.error, lzma.LZMAError, EOFError, OSError, ValueError) as broken:
        return Listing(frozenset(names), fault=f"it cannot be unpacked: {broken}"[:120])
    return Listing(frozenset(names))


def _zeros(stream: _Stream) -> None:
    while stream.peek(4) == b"\0\0\0\0":
        stream.take(4)


def _archive(stream: _Stream, names: set[str]) -> None:
    while True:
        header = stream.take(110)
        if header[:6] not in _MAGIC:
            raise _Broken("a header in the archive is damaged")
        try:
            size, length = int(header[54:62], 16), int(header[94:102], 16)
        except ValueError:
            raise _Broken("a header in the archive is damaged") from None
        if not 0 < length <= 4096:
            raise _Broken("a header in the archive is damaged")
        name = stream.take(length).rstrip(b"\0").decode("utf-8", "replace")
        stream.skip(-(110 + length) % 4)
        if name == "TRAILER!!!":
            return
        stream.skip(size + -size % 4)
        if stream.position > MOST_BYTES or len(names) > MOST_NAMES:
            raise _Broken("it is larger than any initramfs")
        names.add(name.lstrip("./"))


def _kind(head: bytes) -> str:
    for magic, kind in (
        (b"\x1f\x8b", "gzip"),
        (b"\xfd7zXZ", "xz"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"\x02\x21\x4c\x18", "lz4"),
        (b"BZh", "bzip2"),
        (b"\x5d\x00\x00", "lzma"),
    ):
        if head.startswith(magic):
            return kind
    return ""


_PROGRAMS = {"zstd": ("zstd", "-dcq"), "lz4": ("lz4", "-dcq")}


def _unpacked(kind: str, chunks: Iterator[bytes]) -> Iterator[bytes]:
    if kind in _PROGRAMS:
        yield from _by_program(_PROGRAMS[kind], chunks)
        return
    makers: dict[str, Callable[[], object]] = {
        "gzip": lambda: zlib.decompressobj(31),
        "xz": lzma.LZMADecompressor,
        "lzma": lzma.LZMADecompressor,
        "bzip2": bz2.BZ2Decompressor,
    }
    unpacker = makers[kind]()
    for chunk in chunks:
        out = unpacker.decompress(chunk)  # type: ignore[attr-defined]
        if out:
            yield out
        if unpacker.eof:  # type: ignore[attr-defined]
            return
    raise _Broken(f"its {kind} part is cut off")


def _by_program(argv: tuple[str, ...], chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Through a pipe, fed from a thread, as both ends may have to wait."""
    from threading import Thread

    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        entry = process.stdin

        def feed() -> None:
            try:
                for chunk in chunks:
                    entry.write(chunk)
            except (OSError, ValueError):
                pass
            finally:
                with suppress(OSError):
                    entry.close()

        feeder = Thread(target=feed, daemon=True)
        feeder.start()
        try:
            while True:
                out = process.stdout.read(CHUNK)
                if not out:
                    break
                yield out
            feeder.join(30)
        finally:
            process.kill()
        if process.wait() > 0:
            raise _Broken(f"its {argv[0]} part is damaged")
