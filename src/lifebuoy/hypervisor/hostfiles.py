"""Small files on the host, such as NVRAM, read and written where they are.

On this machine plain file I/O, where we may; else through a transient directory pool over the
file's folder, which every member of group libvirt may make. Not the media store.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, Final, TypeVar

from lifebuoy.errors import BadInput, HostTrouble, NotFound
from lifebuoy.hypervisor import poolxml, streams
from lifebuoy.hypervisor.folderpool import patiently, pool_over, volume_in
from lifebuoy.hypervisor.link import Link
from lifebuoy.hypervisor.storage import PRIVATE_MODE
from lifebuoy.hypervisor.translation import translated, translated_io

_Result = TypeVar("_Result")
_TRIES: Final = 3


class HostFiles:
    """File access on the host behind ``link``."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def read(self, path: str) -> bytes:
        """The whole content.

        Raises:
            NotFound: no such file.
        """
        _check(path)
        data = self._read_local(Path(path))
        return self._patiently(lambda: self._read_far(path)) if data is None else data

    def write(self, path: str, data: bytes) -> None:
        """Replace the content, keeping owner and mode; create the file (0600) if it is not there.

        Through a pool the content is written in place: after an interruption write it again.
        """
        _check(path)
        if not self._is_local() or not _write_local(Path(path), data):
            self._patiently(lambda: self._write_far(path, data))

    def exists(self, path: str) -> bool | None:
        """Whether the file is there; None where that cannot be known."""
        _check(path)
        if self._is_local():
            try:
                Path(path).stat()
                return True
            except (FileNotFoundError, NotADirectoryError):
                return False
            except PermissionError:
                pass  # the daemon may see what we may not
        try:
            return self._patiently(lambda: self._exists_far(path))
        except HostTrouble:
            return None

    def _read_local(self, path: Path) -> bytes | None:
        """None where only the daemon may read it."""
        if not self._is_local():
            return None
        with translated_io(f"read '{path}'"):
            try:
                return path.read_bytes()
            except FileNotFoundError as exc:
                raise NotFound(f"no file '{path}' on the host") from exc
            except PermissionError:
                return None

    def _read_far(self, path: str) -> bytes:
        with self._link.side() as conn, _volume(conn, path) as (_pool, volume):
            if volume is None:
                raise NotFound(f"no file '{path}' on the host")
            with translated(f"read '{path}'"):
                return streams.receive(conn, lambda stream: volume.download(stream, 0, 0, 0))

    def _exists_far(self, path: str) -> bool:
        with self._link.side() as conn, _volume(conn, path) as (_pool, volume):
            return volume is not None

    def _write_far(self, path: str, data: bytes) -> None:
        with (
            self._link.side() as conn,
            _volume(conn, path) as (pool, found),
            translated(f"write '{path}'"),
        ):
            volume = _fitting(pool, found, PurePosixPath(path).name, len(data))
            streams.send(
                conn,
                lambda stream: volume.upload(stream, 0, len(data), 0),
                streams.chunks(data, 0, len(data)),
                lambda _done: None,
            )

    def _patiently(self, step: Callable[[], _Result]) -> _Result:
        if self._link.facts.is_embedded:
            raise HostTrouble("the embedded libvirt reaches only files that this user may open")
        return patiently(step, _TRIES)

    def _is_local(self) -> bool:
        # The test driver is a play host: its paths are not this machine's, but there are no others.
        return not self._link.facts.is_remote


def _check(path: str) -> None:
    if not path.startswith("/") or path.endswith("/") or ".." in PurePosixPath(path).parts:
        raise BadInput(f"not an absolute path of a file: '{path}'")


def _write_local(path: Path, data: bytes) -> bool:
    """Replace the file as a whole; False where this user may not."""
    draft = path.with_name(
        f".{path.name}.lifebuoy"
    )  # one name: the next write takes away a left one
    with translated_io(f"write '{path}'"):
        try:
            draft.unlink(missing_ok=True)
            draft.touch(mode=0o600, exist_ok=False)
        except PermissionError:
            return False
    try:
        with translated_io(f"write '{path}'"):
            return _replace(path, draft, data)
    finally:
        draft.unlink(missing_ok=True)


def _replace(path: Path, draft: Path, data: bytes) -> bool:
    with draft.open("wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    try:
        if path.exists():
            owner = path.stat()
            os.chown(draft, owner.st_uid, owner.st_gid)
            shutil.copystat(path, draft)
        draft.replace(path)
    except PermissionError:
        return False
    return True


@contextmanager
def _volume(conn: Any, path: str) -> Iterator[tuple[Any, Any | None]]:
    """The pool over the file's folder and the file's volume, or None if there is no such file."""
    file = PurePosixPath(path)
    with pool_over(conn, str(file.parent)) as pool:
        yield pool, volume_in(pool, file.name)


def _fitting(pool: Any, volume: Any | None, name: str, size: int) -> Any:
    """A volume of that size: an upload does not shorten a file, so make it anew if it differs."""
    access = None
    if volume is not None:
        old = volume.XMLDesc(0)
        if poolxml.file_size(old) == size:
            return volume
        access = poolxml.permissions_of(old)
        volume.delete(0)
    if access is None:
        access = poolxml.permissions(PRIVATE_MODE)
    return pool.createXML(poolxml.raw_volume(name, size, access), 0)
