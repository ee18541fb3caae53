"""The media store as a libvirt storage pool: works for members of group libvirt, near and far.

A persistent directory pool named 'lifebuoy', made on first use, or an existing pool chosen by
its owner. Wiping or deleting a volume in use is not refused by libvirt: the caller guards.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

import libvirt
from lxml import etree

from lifebuoy.errors import NoSpace, NotFound, Refused
from lifebuoy.hypervisor import poolxml, streams
from lifebuoy.hypervisor.link import Link
from lifebuoy.hypervisor.poolsetup import open_pool, refresh
from lifebuoy.hypervisor.storage import (
    HEAD_BYTES,
    PRIVATE_MODE,
    SHARED_MODE,
    MediaFile,
    Progress,
    check_name,
    size_of,
)
from lifebuoy.hypervisor.translation import as_ours, code, message, translated

POOL_NAME: Final = "lifebuoy"
SYSTEM_FOLDER: Final = Path("/var/lib/lifebuoy/media")
_RELEASE_DEADLINE_S: Final = 5.0
_ALLOCATION_DEADLINE_S: Final = 30.0
_POLL_S: Final = 0.1


class PoolStore:
    """``MediaStore`` over a directory pool. ``folder`` is where a missing pool is made."""

    def __init__(self, link: Link, *, pool: str, folder: Path | None) -> None:
        self._link = link
        self._pool = open_pool(link.conn, pool, folder)
        with translated(f"look at the storage pool '{pool}'"):
            self._name = str(self._pool.name())
            self._folder = etree.fromstring(self._pool.XMLDesc(0)).findtext("target/path") or ""

    @property
    def location(self) -> str:
        return f"pool '{self._name}' ({self._folder})"

    def put(
        self, name: str, data: bytes | Path, *, shared: bool, progress: Progress | None = None
    ) -> MediaFile:
        check_name(name)
        total = size_of(data)
        free = self.free_bytes()
        if total > free:
            raise NoSpace(
                f"{self.location} has {free} bytes left, '{name}' needs {total}",
                hint="make room there, or choose another pool with LIFEBUOY_POOL",
            )
        volume = self._create(name, total, SHARED_MODE if shared else PRIVATE_MODE)
        if volume is None:
            raise Refused(f"'{name}' is already in {self.location}")
        try:
            self._upload(name, data, total, progress)
            return self._media(volume)
        except BaseException:
            self.remove(name, wipe=False)
            raise

    def find(self, name: str) -> MediaFile | None:
        volume = self._volume(name)
        return None if volume is None else self._media(volume)

    def list(self) -> list[MediaFile]:
        refresh(self._pool)
        with translated(f"list {self.location}"):
            volumes = self._pool.listAllVolumes(0)
        found = [media for volume in volumes if (media := self._seen(volume)) is not None]
        return sorted(found, key=lambda media: media.name)

    def read(self, name: str) -> bytes:
        return self._read(name, 0)

    def read_head(self, name: str) -> bytes:
        return self._read(name, HEAD_BYTES)

    def _read(self, name: str, size: int) -> bytes:
        """The first ``size`` bytes, or all if that is 0."""
        if self._volume(name) is None:
            raise NotFound(f"'{name}' is not in {self.location}")
        deadline = time.monotonic() + _ALLOCATION_DEADLINE_S
        while True:
            try:
                return self._download(name, size)
            except libvirt.libvirtError as exc:
                if _is_gone(exc):  # since it was looked for, as locks come and go
                    raise NotFound(f"'{name}' is not in {self.location} any more") from exc
                if not _is_being_made(exc) or time.monotonic() > deadline:
                    raise as_ours(exc, f"read '{name}' from {self.location}") from exc
            time.sleep(_POLL_S)

    def _download(self, name: str, size: int) -> bytes:
        with self._link.side() as conn:
            volume = conn.storagePoolLookupByName(self._name).storageVolLookupByName(name)
            return streams.receive(conn, lambda stream: volume.download(stream, 0, size, 0))

    def remove(self, name: str, *, wipe: bool) -> None:
        volume = self._volume(name)
        if volume is None:
            return
        deadline = time.monotonic() + _RELEASE_DEADLINE_S
        while True:
            try:
                if wipe and volume.info()[1] > 0:
                    volume.wipe(0)
                volume.delete(0)
                return
            except libvirt.libvirtError as exc:
                if code(exc) == libvirt.VIR_ERR_NO_STORAGE_VOL:
                    return
                # An upload that was just broken off holds the volume for a moment.
                held = "still in use" in message(exc) or _is_being_made(exc)
                if not held or time.monotonic() > deadline:
                    raise as_ours(exc, f"remove '{name}' from {self.location}") from exc
            time.sleep(_POLL_S)

    def claim(self, name: str, content: bytes) -> bool:
        check_name(name)
        if self._create(name, len(content), PRIVATE_MODE) is None:
            return False
        if content:
            try:
                self._upload(name, content, len(content), None)
            except BaseException:
                self.remove(name, wipe=False)
                raise
        return True

    def free_bytes(self) -> int:
        refresh(self._pool)
        with translated(f"ask for the free space of {self.location}"):
            return int(self._pool.info()[3])

    def _create(self, name: str, size: int, mode: int) -> Any | None:
        """A new volume, or None if the name is taken: by a volume, or by a file unseen so far."""
        xml = poolxml.raw_volume(name, size, poolxml.permissions(mode))
        try:
            return self._pool.createXML(xml, 0)
        except libvirt.libvirtError as exc:
            taken = code(exc) == libvirt.VIR_ERR_STORAGE_VOL_EXIST
            if taken or self._volume(name) is not None:
                return None
            raise as_ours(exc, f"create '{name}' in {self.location}") from exc

    def _upload(self, name: str, data: bytes | Path, total: int, progress: Progress | None) -> None:
        head = min(total, HEAD_BYTES)
        with translated(f"upload '{name}' to {self.location}"), self._link.side() as conn:
            volume = conn.storagePoolLookupByName(self._name).storageVolLookupByName(name)

            def send(start: int, size: int, done_before: int) -> None:
                streams.send(
                    conn,
                    lambda stream: volume.upload(stream, start, size, 0),
                    streams.chunks(data, start, size),
                    lambda done: progress(done_before + done, total) if progress else None,
                )

            if total > head:
                send(head, total - head, 0)
            send(0, head, total - head)  # the beginning last: see storage.HEAD_BYTES

    def _volume(self, name: str) -> Any | None:
        """The volume; files that QEMU or libvirt itself made are seen after a refresh."""
        check_name(name)
        for attempt in ("known", "refreshed"):
            try:
                return self._pool.storageVolLookupByName(name)
            except libvirt.libvirtError as exc:
                if code(exc) != libvirt.VIR_ERR_NO_STORAGE_VOL:
                    raise as_ours(exc, f"look for '{name}' in {self.location}") from exc
            if attempt == "known":
                refresh(self._pool)
        return None

    def _seen(self, volume: Any) -> MediaFile | None:
        """A volume of a list; None if somebody has removed it since."""
        try:
            return MediaFile(str(volume.name()), str(volume.path()), int(volume.info()[1]))
        except libvirt.libvirtError as exc:
            if _is_gone(exc):
                return None
            raise as_ours(exc, f"look at a file in {self.location}") from exc

    def _media(self, volume: Any) -> MediaFile:
        with translated(f"look at a file in {self.location}"):
            return MediaFile(str(volume.name()), str(volume.path()), int(volume.info()[1]))


def _is_gone(error: libvirt.libvirtError) -> bool:
    return code(error) == libvirt.VIR_ERR_NO_STORAGE_VOL or "No such file" in message(error)


def _is_being_made(error: libvirt.libvirtError) -> bool:
    """Somebody else creates the volume in this moment: its name is there before its bytes."""
    return "still being allocated" in message(error)
