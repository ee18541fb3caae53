"""A cpio archive in the kernel's "newc" format, made in memory: what is in an initramfs."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import PurePosixPath


def newc(files: Mapping[str, str | bytes]) -> bytes:
    """An archive of these executable files, by path, with the folders they need."""
    entries: dict[str, tuple[int, bytes]] = {}
    for name, content in files.items():
        for parent in reversed(PurePosixPath(name).parents):
            if str(parent) != ".":
                entries[str(parent)] = (stat.S_IFDIR | 0o755, b"")
        data = content.encode() if isinstance(content, str) else content
        entries[name] = (stat.S_IFREG | 0o755, data)
    blocks = [_entry(n, name, *entry) for n, (name, entry) in enumerate(entries.items(), 1)]
    return b"".join([*blocks, _entry(0, "TRAILER!!!", 0, b"")])


def _entry(inode: int, name: str, mode: int, data: bytes) -> bytes:
    path = name.encode() + b"\0"
    fields = (inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(path), 0)
    header = b"070701" + "".join(f"{value:08X}" for value in fields).encode()
    return _padded(header + path) + _padded(data)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
