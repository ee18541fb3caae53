"""Loop devices over a range of a disk, which the kernel takes back by itself.

Each is made with "autoclear" from its first moment (LOOP_CONFIGURE of Linux 5.8 and later, see
include/uapi/linux/loop.h there): it goes when its last user goes, so not even a doctor that is
killed leaves one behind. losetup cannot do that: it would mark the device in a second step.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager

_CONTROL = "/dev/loop-control"
_GET_FREE = 0x4C82
_CONFIGURE = 0x4C0A
_READ_ONLY = 1
_AUTOCLEAR = 4
_CONFIG = struct.Struct("=II 5Q 4I 64s64s32s2Q 8Q")  # struct loop_config, 304 bytes
_TRIES = 50


@contextmanager
def attached(path: str, start: int, size: int, *, writable: bool) -> Iterator[str]:
    """The node of a loop device over this range, in bytes, of a file or block device.

    It lasts until the block ends, or for as long as something else uses it: a mount, a mapping.
    Raises OSError.
    """
    backing = os.open(path, (os.O_RDWR if writable else os.O_RDONLY) | os.O_CLOEXEC)
    try:
        node, held = _configured(backing, os.fsencode(path), start, size, writable=writable)
    finally:
        os.close(backing)
    try:
        yield node
    finally:
        os.close(held)


def _configured(
    backing: int, name: bytes, start: int, size: int, *, writable: bool
) -> tuple[str, int]:
    """A free device set up now: its node, and a descriptor that keeps it."""
    flags = _AUTOCLEAR | (0 if writable else _READ_ONLY)
    info = (0, 0, 0, start, size, 0, 0, 0, flags, name[:63], b"", b"", 0, 0)
    config = _CONFIG.pack(backing, 0, *info, *[0] * 8)
    mode = (os.O_RDWR if writable else os.O_RDONLY) | os.O_CLOEXEC
    for _ in range(_TRIES):
        control = os.open(_CONTROL, os.O_RDWR | os.O_CLOEXEC)
        try:
            node = f"/dev/loop{fcntl.ioctl(control, _GET_FREE)}"
        finally:
            os.close(control)
        device = os.open(node, mode)
        try:
            fcntl.ioctl(device, _CONFIGURE, config)
            # Only read from here on: a kernel may refuse to mount what is open for writing.
            return node, os.open(node, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as taken:
            if taken.errno != errno.EBUSY:  # otherwise somebody was faster
                raise
        finally:
            os.close(device)
    raise OSError(errno.EBUSY, "no loop device is free", _CONTROL)
