"""The files of instances' disks on a host: the interface, not the places. Not our own media.

Two places serve it: ``pooldisks.PoolDisks`` (libvirt's storage pools over the files' folders) and
``localdisks.LocalDisks`` (plain files and qemu-img, for the embedded driver). No file is ever
overwritten: what is made is new, or it is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from lifebuoy.hypervisor.storage import Progress


@dataclass(frozen=True, slots=True)
class Access:
    """Who owns a file and its mode; numbers as the host has them."""

    uid: int
    gid: int
    mode: int


@dataclass(frozen=True, slots=True)
class DiskFile:
    """A file as it is now. ``modified`` is the host's own time stamp, to be compared only."""

    path: str
    size_bytes: int
    allocated_bytes: int
    modified: str
    access: Access


class DiskFiles(Protocol):
    """Files of disks; paths are absolute and the host's."""

    def look(self, path: str) -> DiskFile | None:
        """The file, or None if there is none."""

    def look_all(self, paths: list[str]) -> dict[str, DiskFile]:
        """Those of these files that are there, by path."""

    def header(self, path: str) -> bytes:
        """Its first bytes, see ``imageheader``.

        Raises:
            NotFound: no such file.
        """

    def overlay(self, path: str, base: str, base_format: str, access: Access) -> None:
        """Make a new qcow2 file over ``base``, of its size, that holds nothing itself.

        Raises:
            Refused: there is a file of that name.
            NoSpace: no room.
        """

    def copy(
        self,
        source: str,
        source_format: str,
        path: str,
        access: Access,
        progress: Progress,
    ) -> str:
        """Make ``path`` a copy of the disk in ``source``, of the same format, without a base.

        Returns how it was made, in words; after a failure nothing is left.

        Raises:
            Refused: there is a file of that name.
            NoSpace: no room.
        """

    def blank(self, path: str, capacity_bytes: int, access: Access) -> None:
        """Make a new, empty qcow2 file.

        Raises:
            Refused: there is a file of that name.
        """

    def digest(self, path: str, progress: Progress) -> str:
        """The SHA-256 of the whole content, see ``contenthash``."""

    def check(self, path: str) -> str | None:
        """What qemu-img finds wrong with a qcow2 file, empty if nothing; None where it cannot be
        asked."""

    def remove(self, path: str) -> None:
        """Delete it; a missing one is fine."""

    def free_bytes(self, folder: str) -> int:
        """The room left where ``folder`` is."""

    def folder_of(self, pool: str) -> str:
        """The folder of a storage pool; an absolute path stands for itself.

        Raises:
            NotFound: no such pool, or no such folder.
            Refused: a pool that has no folder.
        """

    def volume_path(self, pool: str, volume: str) -> str:
        """The path of a pool's volume; empty if there is none."""
