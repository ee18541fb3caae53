"""The SHA-256 of a large file's content that costs nothing for holes and zeros. Pure.

Hashed are the blocks of 1 MiB that are not all zeros, each behind its number, then the size: so
it is the same whether a file system keeps zeros as a hole or not.
"""

from __future__ import annotations

import hashlib
from typing import Final

BLOCK_BYTES: Final = 1 << 20
_ZEROS: Final = bytes(BLOCK_BYTES)


class ContentHash:
    """Takes a file from its beginning to its end."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._block = bytearray()
        self._number = 0

    def data(self, piece: bytes) -> None:
        """What comes next."""
        view = memoryview(piece)
        while view:
            part = view[: BLOCK_BYTES - len(self._block)]
            self._block += part
            view = view[len(part) :]
            if len(self._block) == BLOCK_BYTES:
                self._end_block()

    def hole(self, length: int) -> None:
        """As many zeros come next."""
        if self._block:
            part = min(length, BLOCK_BYTES - len(self._block))
            self.data(_ZEROS[:part])
            length -= part
        self._number += length // BLOCK_BYTES
        self._block += _ZEROS[: length % BLOCK_BYTES]

    def end(self) -> str:
        """The digest of all."""
        size = self._number * BLOCK_BYTES + len(self._block)
        self._end_block()
        self._hash.update(b"size" + size.to_bytes(8, "big"))
        return self._hash.hexdigest()

    def _end_block(self) -> None:
        if self._block != _ZEROS[: len(self._block)]:
            self._hash.update(self._number.to_bytes(8, "big"))
            self._hash.update(self._block)
        self._number += 1
        self._block.clear()
