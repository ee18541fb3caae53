"""Disks as the doctor reads them: block devices or image files, never written here."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass

from .formats import gpt, mbr

LONGEST_READ = 64 << 20


@dataclass(frozen=True)
class Part:
    """A range of a disk that its partition table names; bytes."""

    number: int
    start: int
    size: int
    uuid: str = ""
    kind: str = ""  # GPT: a GUID; MBR: two hexadecimal digits
    active: bool = False


class Disk:
    """One whole disk, open for reading as long as the object is used."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.size = os.lseek(self._fd, 0, os.SEEK_END)
        self.is_device = stat.S_ISBLK(os.fstat(self._fd).st_mode)
        self.name = os.path.basename(os.path.realpath(path))
        #: the disk that the firmware sees, where this one is made of it
        self.bottom: Disk = self

    def read(self, offset: int, length: int) -> bytes:
        """Bytes, fewer where the disk ends or cannot be read."""
        if not 0 <= offset < self.size or length <= 0:
            return b""
        wanted, parts = min(length, LONGEST_READ), []
        while wanted > 0:
            try:
                data = os.pread(self._fd, wanted, offset)
            except OSError:
                break
            if not data:
                break
            parts.append(data)
            offset, wanted = offset + len(data), wanted - len(data)
        return b"".join(parts)

    def sector(self, number: int) -> bytes:
        """One sector of 512 bytes."""
        return self.read(number * 512, 512)

    def close(self) -> None:
        """Closes the disk; harmless twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    @property
    def sectors(self) -> int:
        """Its size in sectors of 512 bytes."""
        return self.size // 512

    def gpt(self, *, backup: bool) -> gpt.Table | None:
        """The GPT at the start or, as backup, at the end; None where that is not whole."""
        at = self.sectors - 1 if backup else 1
        return gpt.read_table(self.read, at)

    def is_gpt(self) -> bool:
        """Whether the disk is divided by a GPT, of which one copy may be damaged."""
        if self.gpt(backup=False) is not None:
            return True
        if self.gpt(backup=True) is None:
            return False
        kinds = {entry.kind for entry in mbr.entries(self.sector(0))}
        return not kinds or mbr.PROTECTIVE in kinds or self.sector(1)[:8] == gpt.SIGNATURE

    def parts(self) -> list[Part]:
        """The partitions, by whichever table is whole."""
        if self.is_gpt():
            table = self.gpt(backup=False) or self.gpt(backup=True)
            assert table is not None
            return [
                Part(one.number, one.start * 512, one.sectors * 512, one.uuid, one.kind)
                for one in table.partitions
            ]
        sector = self.sector(0)
        if not mbr.signed(sector) and not mbr.plausible(sector, self.sectors):
            return []
        if (
            self.read(0x36, 3) == b"FAT"
            or self.read(0x52, 3) == b"FAT"
            or self.read(3, 4) == b"NTFS"
        ):
            return []  # a file system on the whole disk; its boot code is not a table
        primary = mbr.entries(sector)
        disk_id = int.from_bytes(sector[440:444], "little")
        return [
            Part(
                one.number,
                one.start * 512,
                one.sectors * 512,
                f"{disk_id:08x}-{one.number:02x}",
                f"{one.kind:02x}",
                one.active,
            )
            for one in [*primary, *mbr.logical(self.sector, primary)]
        ]
