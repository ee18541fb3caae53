"""A storage pool over any folder of the host: the one there is, or a passing one of ours."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import libvirt

from lifebuoy.errors import HostTrouble, Refused
from lifebuoy.hypervisor import poolxml
from lifebuoy.hypervisor.poolsetup import refresh
from lifebuoy.hypervisor.translation import as_ours, code, message, translated

_Result = TypeVar("_Result")

TRIES: Final = 5
PAUSE_S: Final = 0.2
_PASSING: Final = re.compile(r"lifebuoy-[0-9a-f]{8}")


@contextmanager
def pool_over(conn: Any, folder: str) -> Iterator[Any]:
    """An active, fresh pool over ``folder``; one that was made for it is gone after the block."""
    pool, ours = _find_or_make(conn, folder)
    try:
        refresh(pool)
        yield pool
    finally:
        if ours:
            _close(pool, folder)


def patiently(step: Callable[[], _Result], tries: int = TRIES) -> _Result:
    """Another caller may open or close a pool over the same folder just now: try again."""
    for _ in range(tries - 1):
        try:
            return step()
        except HostTrouble:
            time.sleep(PAUSE_S)
    return step()


def _close(pool: Any, folder: str) -> None:
    """Somebody else who uses it may have closed it, or may be making a volume in it just now."""
    try:
        pool.destroy()
    except libvirt.libvirtError as exc:
        gone = code(exc) in {libvirt.VIR_ERR_NO_STORAGE_POOL, libvirt.VIR_ERR_OPERATION_INVALID}
        if not gone and "asynchronous jobs" not in message(exc):
            raise as_ours(exc, f"close the storage pool over '{folder}'") from exc


def volume_in(pool: Any, name: str) -> Any | None:
    """The volume of that name, None if there is none.

    Raises:
        HostTrouble: it cannot be looked for.
    """
    try:
        return pool.storageVolLookupByName(name)
    except libvirt.libvirtError as exc:
        if code(exc) != libvirt.VIR_ERR_NO_STORAGE_VOL:
            raise as_ours(exc, f"look for '{name}'", error=HostTrouble) from exc
        return None


def _find_or_make(conn: Any, folder: str) -> tuple[Any, bool]:
    try:
        pool = conn.storagePoolLookupByTargetPath(folder)
        if pool.isActive():
            # One that a killed process has left goes with this use of it. If its maker lives,
            # that one finds it gone and makes another: see who calls this.
            left = _PASSING.fullmatch(str(pool.name())) is not None and not pool.isPersistent()
            return pool, left
        with translated(f"start the storage pool over '{folder}'"):
            pool.create(0)
        return pool, True
    except libvirt.libvirtError as exc:
        doing = f"look for a storage pool over '{folder}'"
        if code(exc) == libvirt.VIR_ERR_NO_SUPPORT:  # libvirt's play host
            raise as_ours(exc, doing, error=Refused, safe="Nothing was changed.") from exc
        if code(exc) != libvirt.VIR_ERR_NO_STORAGE_POOL:
            raise as_ours(exc, doing) from exc
    xml = poolxml.directory_pool(f"lifebuoy-{secrets.token_hex(4)}", folder)
    with translated(f"open '{folder}' on the host", error=HostTrouble):
        return conn.storagePoolCreateXML(xml, 0), True
