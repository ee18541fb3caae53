"""The media store as a plain folder on this machine, for the embedded driver."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from lifebuoy.errors import NoSpace, NotFound, Refused
from lifebuoy.hypervisor.storage import (
    HEAD_BYTES,
    PRIVATE_MODE,
    SHARED_MODE,
    MediaFile,
    Progress,
    check_name,
    size_of,
)
from lifebuoy.hypervisor.translation import translated_io

_CHUNK: Final = 1 << 20


class FolderStore:
    """``MediaStore`` over a folder; files appear whole, under their name, or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with translated_io(f"use the folder {folder}"):
            folder.mkdir(mode=0o711, parents=True, exist_ok=True)

    @property
    def location(self) -> str:
        return str(self._folder)

    def put(
        self, name: str, data: bytes | Path, *, shared: bool, progress: Progress | None = None
    ) -> MediaFile:
        check_name(name)
        target = self._folder / name
        total = size_of(data)
        if target.exists():
            raise Refused(f"'{name}' is already in {self.location}")
        if total > self.free_bytes():
            raise NoSpace(f"{self.location} has no room for the {total} bytes of '{name}'")
        mode = SHARED_MODE if shared else PRIVATE_MODE
        with translated_io(f"store '{name}' in {self.location}"), self._draft(mode) as (path, out):
            if isinstance(data, Path):
                with data.open("rb") as source:
                    _copy(source, out, total, progress)
            else:
                out.write(data)
                if progress:
                    progress(total, total)
            if not _appear(path, out, target):
                raise Refused(f"'{name}' is already in {self.location}")
        return MediaFile(name, str(target), total)

    def find(self, name: str) -> MediaFile | None:
        check_name(name)
        path = self._folder / name
        return MediaFile(name, str(path), path.stat().st_size) if path.is_file() else None

    def list(self) -> list[MediaFile]:
        return [
            MediaFile(path.name, str(path), path.stat().st_size)
            for path in sorted(self._folder.iterdir())
            if path.is_file() and not path.name.startswith(".")
        ]

    def read(self, name: str) -> bytes:
        return self._read(name, -1)

    def read_head(self, name: str) -> bytes:
        return self._read(name, HEAD_BYTES)

    def _read(self, name: str, size: int) -> bytes:
        check_name(name)
        with translated_io(f"read '{name}' from {self.location}"):
            try:
                with (self._folder / name).open("rb") as file:
                    return file.read(size)
            except FileNotFoundError as exc:
                raise NotFound(f"'{name}' is not in {self.location}") from exc

    def remove(self, name: str, *, wipe: bool) -> None:
        check_name(name)
        path = self._folder / name
        with translated_io(f"remove '{name}' from {self.location}"):
            try:
                if wipe:
                    _overwrite(path)
                path.unlink()
            except FileNotFoundError:
                return

    def claim(self, name: str, content: bytes) -> bool:
        check_name(name)
        doing = f"claim '{name}' in {self.location}"
        with translated_io(doing), self._draft(PRIVATE_MODE) as (path, out):
            out.write(content)
            return _appear(path, out, self._folder / name)

    def free_bytes(self) -> int:
        return shutil.disk_usage(self._folder).free

    @contextmanager
    def _draft(self, mode: int) -> Iterator[tuple[Path, BinaryIO]]:
        """A hidden file that is gone at the end of the block."""
        path = self._folder / f".{secrets.token_hex(8)}.part"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_MODE)
        try:
            with os.fdopen(descriptor, "wb") as out:
                os.fchmod(descriptor, mode)
                yield path, out
        finally:
            path.unlink(missing_ok=True)


def _appear(draft: Path, out: BinaryIO, target: Path) -> bool:
    """Give the draft its name; False if the name is taken. A link never replaces, a rename does."""
    out.flush()
    os.fsync(out.fileno())
    try:
        os.link(draft, target)
    except FileExistsError:
        return False
    return True


def _copy(source: BinaryIO, out: BinaryIO, total: int, progress: Progress | None) -> None:
    done = 0
    while chunk := source.read(_CHUNK):
        out.write(chunk)
        done += len(chunk)
        if progress:
            progress(done, max(total, done))


def _overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        left = path.stat().st_size
        while left > 0:
            left -= file.write(bytes(min(left, _CHUNK)))
        file.flush()
        os.fsync(file.fileno())
