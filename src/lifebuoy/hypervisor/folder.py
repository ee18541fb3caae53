"""The media store as a plain folder on this machine, for the embedded driver."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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
_NEW: Final = os.O_WRONLY | os.O_CLOEXEC


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
        with translated_io(f"store '{name}' in {self.location}"), self._draft(mode) as draft:
            out = draft.out
            if isinstance(data, Path):
                with data.open("rb") as source:
                    _copy(source, out, total, progress)
            else:
                out.write(data)
                if progress:
                    progress(total, total)
            if not draft.appear(target):
                raise Refused(f"'{name}' is already in {self.location}")
        return MediaFile(name, str(target), total)

    def find(self, name: str) -> MediaFile | None:
        check_name(name)
        return _seen(self._folder / name)

    def list(self) -> list[MediaFile]:
        with translated_io(f"list {self.location}"):
            paths = sorted(self._folder.iterdir())
        found = (_seen(path) for path in paths if not path.name.startswith("."))
        return [media for media in found if media is not None]

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
        with translated_io(doing), self._draft(PRIVATE_MODE) as draft:
            draft.out.write(content)
            return draft.appear(self._folder / name)

    def free_bytes(self) -> int:
        return shutil.disk_usage(self._folder).free

    @contextmanager
    def _draft(self, mode: int) -> Iterator[_Draft]:
        """A file that is gone at the end of the block, unless it has appeared."""
        descriptor, named = self._open_draft()
        try:
            with os.fdopen(descriptor, "wb") as out:
                os.fchmod(descriptor, mode)
                yield _Draft(named or Path(f"/proc/self/fd/{descriptor}"), out)
        finally:
            if named is not None:
                named.unlink(missing_ok=True)

    def _open_draft(self) -> tuple[int, Path | None]:
        """Without a name, so that nothing is left of it even if this process is killed; hidden
        under a name where the file system cannot do that."""
        try:
            return os.open(self._folder, _NEW | os.O_TMPFILE, PRIVATE_MODE), None
        except OSError as exc:
            if exc.errno not in {errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL}:
                raise
        path = self._folder / f".{secrets.token_hex(8)}.part"
        return os.open(path, _NEW | os.O_CREAT | os.O_EXCL, PRIVATE_MODE), path


@dataclass(frozen=True, slots=True)
class _Draft:
    """A file on its way; ``path`` leads to it as long as ``out`` is open."""

    path: Path
    out: BinaryIO

    def appear(self, target: Path) -> bool:
        """Give it its name; False if that is taken. A link never replaces, a rename does."""
        self.out.flush()
        os.fsync(self.out.fileno())
        try:
            # Only with a descriptor, which it does not need here, does Python follow the link.
            os.link(self.path, target, src_dir_fd=self.out.fileno(), follow_symlinks=True)
        except FileExistsError:
            return False
        return True


def _seen(path: Path) -> MediaFile | None:
    """The file there; None if there is none, also if somebody has removed it just now."""
    with translated_io(f"look at {path}"):
        try:
            found = path.stat()
        except FileNotFoundError:
            return None
    return MediaFile(path.name, str(path), found.st_size) if stat.S_ISREG(found.st_mode) else None


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
