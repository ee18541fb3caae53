"""Where the media of rescue mode live on a host: the interface, not the places.

Two places serve it: ``pool.PoolStore`` (a libvirt storage pool, near or far) and
``folder.FolderStore`` (a plain folder, for the embedded driver, which has no storage API).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from lifebuoy.errors import BadInput

#: Called with the bytes done and the bytes in all.
Progress = Callable[[int, int], None]

SHARED_MODE: Final = 0o644  # the image: any user's QEMU reads it
PRIVATE_MODE: Final = 0o600  # seeds and NVRAM: libvirt hands them to the QEMU that uses them

#: This much of a file's beginning is stored last: zeros there mean that the rest may be missing.
HEAD_BYTES: Final = 64 * 1024

_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+@=-]{0,199}")


@dataclass(frozen=True, slots=True)
class MediaFile:
    """One file in a store; ``path`` is as the host's QEMU sees it."""

    name: str
    path: str
    size_bytes: int


class MediaStore(Protocol):
    """Files beside a host's QEMU. Names are plain file names."""

    @property
    def location(self) -> str:
        """A name for humans."""

    def put(
        self, name: str, data: bytes | Path, *, shared: bool, progress: Progress | None = None
    ) -> MediaFile:
        """Store ``data`` (bytes, or a local file) as ``name``; after a failure nothing is left.

        Raises:
            Refused: there is a file of that name; nothing is ever overwritten.
            NoSpace: the store has not enough room.
        """

    def find(self, name: str) -> MediaFile | None:
        """The file, or None."""

    def list(self) -> list[MediaFile]:
        """All files, by name."""

    def read(self, name: str) -> bytes:
        """The whole content.

        Raises:
            NotFound: no such file.
        """

    def read_head(self, name: str) -> bytes:
        """The first ``HEAD_BYTES``; zeros while somebody stores the file, or if they were cut off.

        Raises:
            NotFound: no such file.
        """

    def remove(self, name: str, *, wipe: bool) -> None:
        """Delete it, overwritten with zeros before if ``wipe``; a missing one is fine.

        libvirt does not refuse it for a file that is in use or just being stored.
        """

    def claim(self, name: str, content: bytes) -> bool:
        """Create ``name`` if it is not there, atomically; False if it is: a lock between callers.

        Where the store is a pool, the content may appear a moment after the name.
        """

    def free_bytes(self) -> int:
        """The room left."""


def check_name(name: str) -> None:
    """Pass plain file names only.

    Raises:
        BadInput: a path, a hidden file, or characters that libvirt or a shell could misread.
    """
    if not _NAME.fullmatch(name):
        raise BadInput(f"not a name for a stored file: '{name}'")


def size_of(data: bytes | Path) -> int:
    """The size of what is to be stored."""
    return data.stat().st_size if isinstance(data, Path) else len(data)
