"""Files of disks through libvirt's storage pools: near and far, for members of group libvirt.

Any folder will do: where no pool is over it, a passing one is made for the call.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import PurePosixPath
from typing import Final, TypeVar

import libvirt
from lxml import etree

from lifebuoy.errors import HostTrouble, LifebuoyError, NotFound, Refused
from lifebuoy.hypervisor import imageheader, poolxml, streams
from lifebuoy.hypervisor.contenthash import ContentHash
from lifebuoy.hypervisor.diskfiles import Access, DiskFile
from lifebuoy.hypervisor.diskvolume import cloned, file_of, folder, pool_for
from lifebuoy.hypervisor.folderpool import PAUSE_S, TRIES, patiently, pool_over, volume_in
from lifebuoy.hypervisor.link import Link
from lifebuoy.hypervisor.storage import Progress
from lifebuoy.hypervisor.translation import as_ours, code, message, translated
from lifebuoy.interruption import BackgroundThread

_Result = TypeVar("_Result")
_POLL_S: Final = 0.5
_RELEASE_DEADLINE_S: Final = 30.0
_FOLDERS: Final = frozenset({"dir", "fs", "netfs"})


class PoolDisks:
    """``DiskFiles`` behind libvirt's storage API."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def look(self, path: str) -> DiskFile | None:
        return self.look_all([path]).get(path)

    def look_all(self, paths: list[str]) -> dict[str, DiskFile]:
        found: dict[str, DiskFile] = {}
        for place in sorted({folder(path) for path in paths}):
            wanted = [path for path in paths if folder(path) == place]
            found |= patiently(partial(self._seen, place, wanted))
        return found

    def header(self, path: str) -> bytes:
        return patiently(lambda: self._header(path))

    def overlay(self, path: str, base: str, base_format: str, access: Access) -> None:
        name = PurePosixPath(path).name
        self._make(path, poolxml.overlay(name, base, base_format, _owned(access)))

    def blank(self, path: str, capacity_bytes: int, access: Access) -> None:
        name = PurePosixPath(path).name
        self._make(path, poolxml.sparse(name, "qcow2", capacity_bytes, _owned(access)))

    def copy(
        self, source: str, source_format: str, path: str, access: Access, progress: Progress
    ) -> str:
        def make() -> str:
            return self._copied(source, source_format, path, access, progress)

        return self._anew(path, make)

    def digest(self, path: str, progress: Progress) -> str:
        found = ContentHash()
        done = 0

        def data(piece: bytes) -> None:
            nonlocal done
            found.data(piece)
            done += len(piece)
            progress(done, total)

        def hole(length: int) -> None:
            nonlocal done
            found.hole(length)
            done += length
            progress(done, total)

        with self._link.side() as conn, pool_over(conn, folder(path)) as pool:
            volume = volume_in(pool, PurePosixPath(path).name)
            if volume is None:
                raise NotFound(f"no file '{path}' on the host")
            total = poolxml.file_size(volume.XMLDesc(0))
            sparse = libvirt.VIR_STORAGE_VOL_DOWNLOAD_SPARSE_STREAM
            with translated(f"read '{path}'"):
                streams.pour(conn, lambda to: volume.download(to, 0, 0, sparse), data, hole)
        return found.end()

    def check(self, path: str) -> str | None:
        return None  # libvirt has no call for it

    def remove(self, path: str) -> None:
        patiently(lambda: self._remove(path))

    def free_bytes(self, folder: str) -> int:
        return patiently(lambda: self._free(folder))

    def folder_of(self, pool: str) -> str:
        if pool.startswith("/"):
            self.free_bytes(pool)
            return pool
        try:
            found = self._link.conn.storagePoolLookupByName(pool)
        except libvirt.libvirtError as exc:
            if code(exc) != libvirt.VIR_ERR_NO_STORAGE_POOL:
                raise as_ours(exc, f"look for the storage pool '{pool}'") from exc
            raise NotFound(
                f"there is no storage pool '{pool}'", hint="virsh pool-list --all shows them"
            ) from exc
        with translated(f"look at the storage pool '{pool}'"):
            root = etree.fromstring(found.XMLDesc(0))
            if root.get("type") not in _FOLDERS:
                raise Refused(
                    f"the storage pool '{pool}' is no folder but of type {root.get('type')}"
                )
            if not found.isActive():
                raise Refused(
                    f"the storage pool '{pool}' is not active", hint=f"virsh pool-start {pool}"
                )
        return root.findtext("target/path") or ""

    def volume_path(self, pool: str, volume: str) -> str:
        try:
            found = self._link.conn.storagePoolLookupByName(pool)
            return str(found.storageVolLookupByName(volume).path())
        except libvirt.libvirtError as exc:
            if code(exc) in {libvirt.VIR_ERR_NO_STORAGE_POOL, libvirt.VIR_ERR_NO_STORAGE_VOL}:
                return ""
            raise as_ours(exc, f"look for volume '{volume}' of pool '{pool}'") from exc

    def _seen(self, folder: str, paths: list[str]) -> dict[str, DiskFile]:
        found: dict[str, DiskFile] = {}
        with self._link.side() as conn, pool_over(conn, folder) as pool:
            for path in paths:
                volume = volume_in(pool, PurePosixPath(path).name)
                if volume is not None and (file := file_of(path, volume)) is not None:
                    found[path] = file
        return found

    def _header(self, path: str) -> bytes:
        with self._link.side() as conn, pool_over(conn, folder(path)) as pool:
            volume = volume_in(pool, PurePosixPath(path).name)
            if volume is None:
                raise NotFound(f"no file '{path}' on the host")
            with translated(f"read '{path}'"):
                size = min(imageheader.HEADER_BYTES, poolxml.file_size(volume.XMLDesc(0)))
                if not size:
                    return b""
                return streams.receive(conn, lambda stream: volume.download(stream, 0, size, 0))

    def _copied(
        self, source: str, source_format: str, path: str, access: Access, progress: Progress
    ) -> str:
        with self._link.side() as conn, pool_over(conn, folder(source)) as from_:
            volume = volume_in(from_, PurePosixPath(source).name)
            if volume is None:
                raise NotFound(f"no file '{source}' on the host")
            _, capacity, total = volume.info()
            xml = poolxml.sparse(
                PurePosixPath(path).name, source_format, int(capacity), _owned(access)
            )
            with (
                pool_for(conn, from_, source, path) as to,
                self._watched(path, int(total), progress),
            ):
                return cloned(to, xml, volume, source_format, path)

    def _make(self, path: str, xml: str) -> None:
        self._anew(path, lambda: self._made(path, xml))

    def _made(self, path: str, xml: str) -> None:
        with (
            self._link.side() as conn,
            pool_over(conn, folder(path)) as pool,
            translated(f"make '{path}'"),
        ):
            pool.createXML(xml, 0)

    def _anew(self, path: str, make: Callable[[], _Result]) -> _Result:
        """Make a new file; where a pool was closed under it by another caller, once more."""
        if self.look(path) is not None:
            raise Refused(f"there is a file '{path}' already")
        for attempt in range(TRIES):
            try:
                return make()
            except HostTrouble as error:
                self.remove(path)
                if "pool" not in error.message or attempt == TRIES - 1:
                    raise
                time.sleep(PAUSE_S)
        raise AssertionError

    def _remove(self, path: str) -> None:
        """A file that a broken-off call of ours still holds is waited for."""
        deadline = time.monotonic() + _RELEASE_DEADLINE_S
        with self._link.side() as conn, pool_over(conn, folder(path)) as pool:
            while (volume := volume_in(pool, PurePosixPath(path).name)) is not None:
                try:
                    volume.delete(0)
                except libvirt.libvirtError as exc:
                    if "still" not in message(exc) or time.monotonic() > deadline:
                        raise as_ours(exc, f"remove '{path}'") from exc
                    time.sleep(PAUSE_S)

    def _free(self, folder: str) -> int:
        with (
            self._link.side() as conn,
            pool_over(conn, folder) as pool,
            translated(f"ask for the free space of '{folder}'"),
        ):
            return int(pool.info()[3])

    @contextmanager
    def _watched(self, path: str, total: int, progress: Progress) -> Iterator[None]:
        """Tell how far the file ``path`` has grown, from a thread, while the block makes it."""
        ended = threading.Event()
        watcher = BackgroundThread(self._watch, path, total, progress, ended, name="file-size")
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join(_RELEASE_DEADLINE_S)
        progress(total, total)

    def _watch(self, path: str, total: int, progress: Progress, ended: threading.Event) -> None:
        with suppress(libvirt.libvirtError, LifebuoyError):
            conn = self._link.fresh()
            try:
                while not ended.wait(_POLL_S):
                    with suppress(libvirt.libvirtError):
                        done = int(conn.storageVolLookupByPath(path).info()[2])
                        progress(min(done, total), total)
            finally:
                conn.close()


def _owned(access: Access) -> etree._Element:
    return poolxml.owned(access.uid, access.gid, access.mode)
