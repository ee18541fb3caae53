"""Mounts that nobody else sees and that end with this process. Needs root."""

from __future__ import annotations

import ctypes
import os
import subprocess
from pathlib import Path
from typing import Final

_CLONE_NEWNS: Final = 0x00020000


def possible() -> bool:
    """Whether this user may mount."""
    return os.geteuid() == 0


def leave_mounts() -> None:
    """From now on what is mounted here is mounted for this process and its children alone.

    Raises:
        OSError: it may not.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNS) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"cannot make a mount namespace: {os.strerror(number)}")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)


def mount_small(folder: Path, size_mib: int) -> None:
    """A small file system of its own, in memory, that can be filled."""
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size_mib}m,mode=755", "faults", folder], check=True
    )


def mount_over(folder: Path, place: Path) -> None:
    """``folder`` is seen at ``place``, too."""
    subprocess.run(["mount", "--bind", folder, place], check=True)


def unmount(folder: Path) -> None:
    """Take it away, whoever uses it."""
    subprocess.run(["umount", "--lazy", folder], check=False, capture_output=True)
