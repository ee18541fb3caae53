"""What the first bytes of a disk's file say of it. Pure: bytes in, facts out; nothing is opened.

QEMU's own tool would say more, but it is not there behind a remote libvirt, and it looks for the
files that an image names, which nobody should do for an image that a guest may have written.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

#: This much of a file is enough: qcow2 keeps its header and the base's name in its first cluster.
HEADER_BYTES: Final = 64 * 1024

_QCOW2: Final = b"QFI\xfb"
#: Other formats' marks: their offset, their bytes, their name.
_MARKS: Final = (
    (0, b"QED\0", "qed"),
    (0, b"KDMV", "vmdk"),
    (0, b"COWD", "vmdk"),
    (0, b"# Disk DescriptorFile", "vmdk"),
    (0x40, b"\x7f\x10\xda\xbe", "vdi"),
    (0, b"vhdxfile", "vhdx"),
    (0, b"conectix", "vpc"),
    (0, b"LUKS\xba\xbe", "luks"),
    (0, b"WithoutFreeSpace", "parallels"),
    (0, b"WithouFreSpacExt", "parallels"),
)
_CORRUPT: Final = 2
_DATA_FILE: Final = 4
_VERSION_3_BYTES: Final = 104


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """``format`` is raw where nothing else is recognised; the rest is about qcow2 alone.

    ``capacity_bytes`` is the size of the disk inside; 0 where the header does not say.
    """

    format: str
    capacity_bytes: int = 0
    backing: str = ""
    encrypted: bool = False
    data_file: bool = False
    corrupt: bool = False
    snapshots: int = 0


def parse(head: bytes) -> ImageHeader:
    """The facts in ``head``, a file's first ``HEADER_BYTES``, or all of a shorter one."""
    if head.startswith(_QCOW2) and len(head) >= 72:
        return _qcow2(head)
    for offset, mark, name in _MARKS:
        if head[offset : offset + len(mark)] == mark:
            return ImageHeader(name)
    return ImageHeader("raw")


def _qcow2(head: bytes) -> ImageHeader:
    version, name_at, name_size = struct.unpack_from(">IQI", head, 4)
    capacity, crypt = struct.unpack_from(">QI", head, 24)
    (snapshots,) = struct.unpack_from(">I", head, 60)
    if version not in (2, 3):
        return ImageHeader(f"qcow (version {version})")
    features = 0
    if version == 3 and len(head) >= _VERSION_3_BYTES:
        (features,) = struct.unpack_from(">Q", head, 72)
    name = head[name_at : name_at + name_size] if name_at else b""
    return ImageHeader(
        format="qcow2",
        capacity_bytes=capacity,
        backing=name.decode("utf-8", "surrogateescape"),
        encrypted=crypt != 0,
        data_file=bool(features & _DATA_FILE),
        corrupt=bool(features & _CORRUPT),
        snapshots=snapshots,
    )
