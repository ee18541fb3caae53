"""Finding a storage pool, or making it; several callers may do so at once. Not its files."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

import libvirt

from lifebuoy.errors import HostTrouble, LifebuoyError, NotFound
from lifebuoy.hypervisor import poolxml
from lifebuoy.hypervisor.translation import as_ours, code

POOL_VARIABLE: Final = "LIFEBUOY_POOL"
_MAKE_DEADLINE_S: Final = 2.0
_REFRESH_DEADLINE_S: Final = 10.0
_POLL_S: Final = 0.1


def open_pool(conn: Any, name: str, folder: Path | None) -> Any:
    """The active pool ``name``; made as a directory pool over ``folder`` if it is not there.

    Raises:
        NotFound: it is not there, and there is no ``folder``.
    """
    deadline = time.monotonic() + _MAKE_DEADLINE_S
    while True:
        try:
            return _find(conn, name) or _make_pool(conn, name, folder)
        except libvirt.libvirtError as exc:
            # Another caller may be in the middle of making it; then it is found a moment later.
            if time.monotonic() > deadline:
                raise as_ours(exc, f"open the storage pool '{name}'") from exc
        time.sleep(_POLL_S)


def _find(conn: Any, name: str) -> Any | None:
    try:
        pool = conn.storagePoolLookupByName(name)
    except libvirt.libvirtError as exc:
        if code(exc) != libvirt.VIR_ERR_NO_STORAGE_POOL:
            raise
        return None
    if not pool.isActive():
        _activate(pool)
    return pool


def _make_pool(conn: Any, name: str, folder: Path | None) -> Any:
    if folder is None:
        raise NotFound(
            f"there is no storage pool '{name}'",
            hint="virsh pool-list --all shows those there are; "
            f"{POOL_VARIABLE} names the one to use",
        )
    # 0711: QEMU's own user must be able to pass through to a file, nobody to list them.
    pool = conn.storagePoolDefineXML(poolxml.directory_pool(name, str(folder), mode=0o711), 0)
    try:
        _activate(pool)
        pool.setAutostart(1)
    except BaseException:
        if not pool.isActive():
            pool.undefine()
        raise
    return pool


def _activate(pool: Any) -> None:
    """Build the folder if needed and start; another caller may be faster at either."""
    try:
        pool.create(libvirt.VIR_STORAGE_POOL_CREATE_WITH_BUILD)
    except libvirt.libvirtError as exc:
        if pool.isActive():
            return
        if code(exc) != libvirt.VIR_ERR_INVALID_ARG:
            raise
        pool.create(0)  # a kind of pool, or a driver, that builds nothing


def refresh(pool: Any) -> None:
    """Let libvirt look at the folder again; refused while a volume is being made, so try again.

    Raises:
        HostTrouble: not possible within the deadline.
    """
    deadline = time.monotonic() + _REFRESH_DEADLINE_S
    while True:
        try:
            pool.refresh(0)
            return
        except libvirt.libvirtError as exc:
            error: LifebuoyError = as_ours(exc, "refresh the storage pool", error=HostTrouble)
            if time.monotonic() > deadline or "asynchronous jobs" not in error.message:
                raise error from exc
        time.sleep(_POLL_S)
