"""An initramfs: cpio archives, the last one compressed; the names in it, and if it is whole."""

from __future__ import annotations

import bz2
import lzma
import shutil
import subprocess
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

MOST_BYTES = 1 << 30
MOST_NAMES = 100_000
CHUNK = 1 << 20  # also the most that is unpacked at once, whatever a few bytes swell to
MEMORY = 128 << 20  # for a dictionary; xz -9 needs 65 MiB
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
    """Bytes from an iterator of chunks, read in exact lengths; each byte is copied few times."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._held, self._at, self.position = chunks, b"", 0, 0

    def fill(self, length: int) -> bool:
        while len(self._held) - self._at < length:
            chunk = next((one for one in self._chunks if one), b"")
            if not chunk:
                return False
            self._held, self._at = self._held[self._at :] + chunk, 0
        return True

    def take(self, length: int) -> bytes:
        if not self.fill(length):
            raise _Broken("it ends in the middle of a file")
        data = self._held[self._at : self._at + length]
        self._at += length
        self._count(length)
        return data

    def skip(self, length: int) -> None:
        while length > 0:
            part = min(length, CHUNK)
            self.take(part)
            length -= part

    def skip_zeros(self) -> None:
        """Over padding, in steps of four bytes as the kernel does."""
        while self.fill(4):
            rest = self._held[self._at :]
            zeros = (len(rest) - len(rest.lstrip(b"\0"))) // 4 * 4
            self._at += zeros
            self._count(zeros)
            if zeros < len(rest) // 4 * 4:
                return

    def peek(self, length: int) -> bytes:
        self.fill(length)
        return self._held[self._at : self._at + length]

    def rest(self) -> Iterator[bytes]:
        held, self._held, self._at = self._held[self._at :], b"", 0
        if held:
            yield held
        yield from self._chunks

    def _count(self, length: int) -> None:
        self.position += length
        if self.position > MOST_BYTES:
            raise _Broken("it is larger than any initramfs")


def listing(file: BinaryIO) -> Listing:
    """The names in an initramfs that is open at its start."""
    names: set[str] = set()
    stream = _Stream(iter(lambda: file.read(CHUNK), b""))
    try:
        for _ in range(8):
            stream.skip_zeros()
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
                inner.skip_zeros()
            _to_the_end(inner)
            break
        if not names:
            raise _Broken("it is empty")
    except _Broken as broken:
        return Listing(frozenset(names), fault=str(broken))
    except (zlib.error, lzma.LZMAError, EOFError, OSError, ValueError) as broken:
        return Listing(frozenset(names), fault=f"it cannot be unpacked: {broken}"[:120])
    return Listing(frozenset(names))


def _to_the_end(stream: _Stream) -> None:
    """There the checksum is."""
    left = MOST_BYTES
    for chunk in stream.rest():
        left -= len(chunk)
        if left < 0:
            raise _Broken("it is larger than any initramfs")


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
        if len(names) > MOST_NAMES:
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
    if kind == "gzip":
        yield from _gunzipped(chunks)
        return
    unpacker = bz2.BZ2Decompressor() if kind == "bzip2" else lzma.LZMADecompressor(memlimit=MEMORY)
    for chunk in chunks:
        yield unpacker.decompress(chunk, CHUNK)
        while not unpacker.eof and not unpacker.needs_input:
            yield unpacker.decompress(b"", CHUNK)
        if unpacker.eof:
            return
    raise _Broken(f"its {kind} part is cut off")


def _gunzipped(chunks: Iterator[bytes]) -> Iterator[bytes]:
    unpacker = zlib.decompressobj(31)
    for chunk in chunks:
        while chunk and not unpacker.eof:
            yield unpacker.decompress(chunk, CHUNK)
            chunk = unpacker.unconsumed_tail
        if unpacker.eof:
            return
    raise _Broken("its gzip part is cut off")


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
