"""ext2, ext3 and ext4 superblocks: their state, and the backups to restore them from."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

MAGIC = b"\x53\xef"
_CLEAN, _ERRORS = 1, 2


@dataclass(frozen=True)
class Superblock:
    """What counts in a superblock; ``place`` is its block number."""

    block_size: int
    blocks: int
    clean: bool
    errors: bool
    needs_replay: bool
    uuid: bytes
    group: int
    inode_table_bytes: int = 0  # all of them, in use or not


def parse(raw: bytes) -> Superblock | None:
    """A superblock that makes sense, else None."""
    if len(raw) < 1024 or raw[56:58] != MAGIC:
        return None
    blocks, log_size = struct.unpack_from("<I", raw, 4)[0], struct.unpack_from("<I", raw, 24)[0]
    per_group, inodes = struct.unpack_from("<I", raw, 32)[0], struct.unpack_from("<I", raw, 0)[0]
    state = struct.unpack_from("<H", raw, 58)[0]
    incompat = struct.unpack_from("<I", raw, 96)[0]
    if log_size > 6 or not blocks or not per_group or not inodes:
        return None
    if per_group > 8 * (1024 << log_size):
        return None
    group = struct.unpack_from("<H", raw, 90)[0]
    return Superblock(
        1024 << log_size,
        blocks,
        bool(state & _CLEAN),
        bool(state & _ERRORS),
        bool(incompat & 4),
        raw[104:120],
        group,
        inodes * struct.unpack_from("<H", raw, 88)[0],
    )


def backup(read: Callable[[int, int], bytes], size: int) -> tuple[int, Superblock] | None:
    """The first backup that is whole: its block number, and what it says."""
    for block_size in (4096, 1024, 2048):
        per_group = 8 * block_size
        first = 1 if block_size == 1024 else 0
        for group in (1, 3, 5, 7, 9, 25, 27):
            block = group * per_group + first
            if block * block_size >= size:
                break
            found = parse(read(block * block_size, 1024))
            if found is not None and found.block_size == block_size and found.group == group:
                return block, found
    return None
