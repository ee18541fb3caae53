"""What a volume holds, by the signatures in it: file system or container, UUID and label."""

from __future__ import annotations

import struct
import uuid
from dataclasses import dataclass

HEAD = 0x11000  # bytes from the start of the volume that suffice


@dataclass(frozen=True)
class Signature:
    """``kind`` as blkid names it; ``uuid`` as fstab does; empty where there is none."""

    kind: str = ""
    uuid: str = ""
    label: str = ""


def read_signature(head: bytes) -> Signature:
    """The signature in the first bytes of a volume."""
    for reader in (_luks, _xfs, _btrfs, _lvm, _md, _ext, _swap, _fat):
        found = reader(head)
        if found is not None:
            return found
    return Signature()


def _text(raw: bytes) -> str:
    return raw.split(b"\0")[0].decode("utf-8", "replace")


def _guid(raw: bytes) -> str:
    return str(uuid.UUID(bytes=raw)) if len(raw) == 16 else ""


def ext_kind(block: bytes) -> str:
    """ext2, ext3 or ext4, by the features in a superblock."""
    compat, incompat, ro_compat = struct.unpack_from("<III", block, 0x5C)
    if incompat & ~0x0006 or ro_compat & ~0x0007:
        return "ext4"
    return "ext3" if compat & 0x0004 else "ext2"


def _ext(head: bytes) -> Signature | None:
    block = head[1024:2048]
    if len(block) < 1024 or block[56:58] != b"\x53\xef":
        return None
    return Signature(ext_kind(block), _guid(block[104:120]), _text(block[120:136]))


def _xfs(head: bytes) -> Signature | None:
    if head[:4] != b"XFSB":
        return None
    return Signature("xfs", _guid(head[32:48]), _text(head[108:120]))


def _btrfs(head: bytes) -> Signature | None:
    block = head[0x10000:0x11000]
    if block[64:72] != b"_BHRfS_M":
        return None
    return Signature("btrfs", _guid(block[32:48]), _text(block[0x12B : 0x12B + 256]))


def _luks(head: bytes) -> Signature | None:
    if head[:6] != b"LUKS\xba\xbe":
        return None
    return Signature("crypto_LUKS", _text(head[168:208]))


def _lvm(head: bytes) -> Signature | None:
    for sector in range(4):
        if head[sector * 512 : sector * 512 + 8] == b"LABELONE":
            return Signature("LVM2_member")
    return None


def _md(head: bytes) -> Signature | None:
    for at in (0, 4096):
        if head[at : at + 4] == b"\xfc\x4e\x2b\xa9":
            return Signature("linux_raid_member", _guid(head[at + 16 : at + 32]))
    return None


def _swap(head: bytes) -> Signature | None:
    if head[4086:4096] != b"SWAPSPACE2":
        return None
    return Signature("swap", _guid(head[1036:1052]), _text(head[1052:1068]))


def _fat(head: bytes) -> Signature | None:
    if head[510:512] != b"\x55\xaa" or len(head) < 512:
        return None
    for kind, at in (("FAT32", 0x43), ("FAT16", 0x27), ("FAT12", 0x27)):
        if head[at + 15 : at + 20] == kind.encode():
            serial = struct.unpack_from("<I", head, at)[0]
            label = head[at + 4 : at + 15].decode("ascii", "replace").strip()
            return Signature("vfat", f"{serial >> 16:04X}-{serial & 0xFFFF:04X}", label)
    return None
