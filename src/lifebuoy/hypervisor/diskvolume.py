"""Files of disks as libvirt's volumes: what they are, and copies of them. Serves ``pooldisks``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import PurePosixPath
from typing import Any

import libvirt
from lxml import etree

from lifebuoy.hypervisor.diskfiles import Access, DiskFile
from lifebuoy.hypervisor.folderpool import pool_over
from lifebuoy.hypervisor.translation import as_ours, code, message, translated


def folder(path: str) -> str:
    """The folder of a file."""
    return str(PurePosixPath(path).parent)


def file_of(path: str, volume: Any) -> DiskFile | None:
    """What a volume is now; None if its file is gone.

    Raises:
        HostTrouble: it cannot be looked at.
    """
    try:
        root = etree.fromstring(volume.XMLDesc(0))
    except libvirt.libvirtError as exc:
        if code(exc) == libvirt.VIR_ERR_NO_STORAGE_VOL or "No such file" in message(exc):
            return None
        raise as_ours(exc, f"look at '{path}'") from exc
    target = root.find("target")
    if target is None:
        return None

    def number(where: str, base: int = 10) -> int:
        return int(target.findtext(f"permissions/{where}") or "0", base)

    return DiskFile(
        path=path,
        size_bytes=int(root.findtext("physical") or root.findtext("capacity") or 0),
        allocated_bytes=int(root.findtext("allocation") or 0),
        modified=target.findtext("timestamps/mtime") or "",
        access=Access(number("owner"), number("group"), number("mode", 8)),
    )


@contextmanager
def pool_for(conn: Any, source_pool: Any, source: str, path: str) -> Iterator[Any]:
    """The pool where ``path`` is to be; that of the source where it is the same folder."""
    if folder(path) == folder(source):
        yield source_pool
        return
    with pool_over(conn, folder(path)) as pool:
        yield pool


def cloned(pool: Any, xml: str, volume: Any, image_format: str, path: str) -> str:
    """Make a copy of ``volume``, by reference where the file system can; says how.

    Raises:
        NoSpace, HostTrouble: it failed; libvirt leaves nothing.
    """
    if image_format == "raw":  # libvirt clones no other format by reference
        with suppress(libvirt.libvirtError):
            pool.createXMLFrom(xml, volume, libvirt.VIR_STORAGE_VOL_CREATE_REFLINK)
            return "cloned by the file system"
    with translated(f"copy to '{path}'"):
        pool.createXMLFrom(xml, volume, 0)
    return "copied, holes kept"
