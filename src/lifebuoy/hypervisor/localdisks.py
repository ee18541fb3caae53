"""Files of disks on this machine, for the embedded driver: plain files and qemu-img."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from lifebuoy.errors import HostTrouble, MissingTool, NotFound, Refused
from lifebuoy.hypervisor import imageheader, qemuimg
from lifebuoy.hypervisor.contenthash import ContentHash
from lifebuoy.hypervisor.diskfiles import Access, DiskFile
from lifebuoy.hypervisor.storage import Progress
from lifebuoy.hypervisor.translation import translated_io
from lifebuoy.interruption import checkpoint

_CHUNK: Final = 4 << 20
_FICLONE: Final = 0x40049409
_LABEL: Final = "security.selinux"


class LocalDisks:
    """``DiskFiles`` where this process sees the files itself."""

    def look(self, path: str) -> DiskFile | None:
        with translated_io(f"look at '{path}'"):
            try:
                found = Path(path).stat()
            except (FileNotFoundError, NotADirectoryError):
                return None
        return DiskFile(
            path=path,
            size_bytes=found.st_size,
            allocated_bytes=found.st_blocks * 512,
            modified=f"{found.st_mtime_ns // 10**9}.{found.st_mtime_ns % 10**9:09}",
            access=Access(found.st_uid, found.st_gid, found.st_mode & 0o7777),
        )

    def look_all(self, paths: list[str]) -> dict[str, DiskFile]:
        return {path: file for path in paths if (file := self.look(path)) is not None}

    def header(self, path: str) -> bytes:
        with translated_io(f"read '{path}'"):
            try:
                with Path(path).open("rb") as file:
                    return file.read(imageheader.HEADER_BYTES)
            except FileNotFoundError as exc:
                raise NotFound(f"no file '{path}' on the host") from exc

    def overlay(self, path: str, base: str, base_format: str, access: Access) -> None:
        with _made(path, access, like=base):
            qemuimg.run("create", "-q", "-f", "qcow2", "-F", base_format, "-b", base, path)

    def blank(self, path: str, capacity_bytes: int, access: Access) -> None:
        with _made(path, access):
            qemuimg.run("create", "-q", "-f", "qcow2", path, str(capacity_bytes))

    def copy(
        self, source: str, source_format: str, path: str, access: Access, progress: Progress
    ) -> str:
        header = imageheader.parse(self.header(source))
        size = Path(source).stat().st_size
        with _made(path, access):
            if source_format == "qcow2" and header.backing:
                words = ("-f", source_format, "-O", source_format)
                qemuimg.run("convert", "-p", *words, source, path, progress=progress, total=size)
                how = "copied with its bases"
            else:
                how = _copied(Path(source), Path(path), progress)
        return how

    def digest(self, path: str, progress: Progress) -> str:
        found = ContentHash()
        with translated_io(f"read '{path}'"), Path(path).open("rb") as file:
            total = os.fstat(file.fileno()).st_size
            at = 0
            for start, end in _extents(file.fileno(), total):
                found.hole(start - at)
                at = start
                file.seek(start)
                while at < end and (chunk := file.read(min(_CHUNK, end - at))):
                    checkpoint()
                    found.data(chunk)
                    at += len(chunk)
                    progress(at, total)
            found.hole(total - at)
            progress(total, total)
        return found.end()

    def check(self, path: str) -> str | None:
        try:
            qemuimg.run("check", "-q", "-U", "-f", "qcow2", path)
        except MissingTool:
            return None
        except HostTrouble as error:
            return error.message
        return ""

    def remove(self, path: str) -> None:
        with translated_io(f"remove '{path}'"):
            Path(path).unlink(missing_ok=True)

    def free_bytes(self, folder: str) -> int:
        with translated_io(f"ask for the free space of '{folder}'"):
            return shutil.disk_usage(folder).free

    def folder_of(self, pool: str) -> str:
        if not pool.startswith("/"):
            raise NotFound(
                f"there is no storage pool '{pool}': the embedded libvirt has none",
                hint="name a folder by its absolute path",
            )
        if not Path(pool).is_dir():
            raise NotFound(f"no folder '{pool}' on the host")
        return pool

    def volume_path(self, pool: str, volume: str) -> str:
        return ""


@contextmanager
def _made(path: str, access: Access, *, like: str = "") -> Iterator[None]:
    """A new file with this owner and mode; gone again if the block fails."""
    doing = f"make '{path}'"
    with translated_io(doing):
        try:
            # at first for us alone, whatever its mode is to be
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError as exc:
            raise Refused(f"there is a file '{path}' already") from exc
    try:
        with translated_io(doing):
            _label(Path(path), like)
        yield
        with translated_io(doing):
            _give(Path(path), access)
            _settle(Path(path))
    except BaseException:
        Path(path).unlink(missing_ok=True)
        raise


def _give(path: Path, access: Access) -> None:
    with suppress(PermissionError):  # only root may give files away; then it stays ours
        os.chown(path, access.uid, access.gid)
    path.chmod(access.mode)


def _label(path: Path, like: str) -> None:
    """The security label of ``like``, where there are labels."""
    if not like:
        return
    try:
        os.setxattr(path, _LABEL, os.getxattr(like, _LABEL))
    except OSError:
        return  # no labels here


def _copied(source: Path, path: Path, progress: Progress) -> str:
    with translated_io(f"copy '{source}'"), source.open("rb") as from_, path.open("r+b") as to:
        total = os.fstat(from_.fileno()).st_size
        try:
            fcntl.ioctl(to.fileno(), _FICLONE, from_.fileno())
        except OSError as exc:
            if exc.errno in {errno.ENOSPC, errno.EDQUOT, errno.EIO}:
                raise
            _copy_data(from_, to, total, progress)
            return "copied, holes kept"
        progress(total, total)
        return "cloned by the file system"


def _copy_data(source: BinaryIO, out: BinaryIO, total: int, progress: Progress) -> None:
    """Copy what is not a hole."""
    out.truncate(total)
    for start, end in _extents(source.fileno(), total):
        at = start
        while at < end:
            checkpoint()
            source.seek(at)
            chunk = source.read(min(_CHUNK, end - at))
            if not chunk:
                raise HostTrouble("the file became shorter while it was copied")
            out.seek(at)
            out.write(chunk)
            at += len(chunk)
            progress(at, total)
    progress(total, total)


def _extents(descriptor: int, total: int) -> Iterator[tuple[int, int]]:
    at = 0
    while at < total:
        try:
            start = os.lseek(descriptor, at, os.SEEK_DATA)
        except OSError as exc:
            if exc.errno == errno.ENXIO:
                return  # nothing but a hole follows
            raise
        at = os.lseek(descriptor, start, os.SEEK_HOLE)
        yield start, at


def _settle(path: Path) -> None:
    """See that the file is there after a power failure, too: a definition will name it."""
    for one in (path, path.parent):
        descriptor = os.open(one, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
