"""Block jobs of an active domain: merging files of a disk, through libvirt alone.

A job that somebody else began, or that outlived the process that began it, is joined and waited
for. Every wait ends when nothing has moved for a while.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Final

import libvirt
from lxml import etree

from lifebuoy.errors import HostTrouble
from lifebuoy.hypervisor.domain import Domain
from lifebuoy.hypervisor.stall import Stall
from lifebuoy.hypervisor.storage import Progress
from lifebuoy.hypervisor.translation import as_ours, code, translated
from lifebuoy.interruption import sleep

_POLL_S: Final = 0.1
_PIVOT_S: Final = 60.0
_SAFE: Final = "The disk reads as before; merging can be gone on with."


@dataclass(frozen=True, slots=True)
class Chain:
    """The files that a running disk is made of, newest first, and its mirror, if it has one."""

    files: tuple[str, ...]
    mirror: str = ""


class BlockJobs:
    """Block jobs of the disks of one active domain; disks by their target ("vda")."""

    def __init__(self, domain: Domain) -> None:
        self._domain = domain
        self._raw: Any = domain._raw

    def chain(self, target: str) -> Chain:
        """The files of a disk as QEMU has them open."""
        root = etree.fromstring(self._domain.xml(live=True).encode())
        for disk in root.iterfind("devices/disk"):
            found = disk.find("target")
            if found is not None and found.get("dev") == target:
                return Chain(tuple(_files(disk)), _file_of(disk.find("mirror")))
        raise HostTrouble(f"'{self._domain.name}' has no disk {target}")

    def commit(self, target: str, top: str, base: str, progress: Progress) -> None:
        """Write what ``top`` holds into ``base`` below it and leave ``top`` out of the chain.

        Fine if that was done before. ``top`` itself is not deleted.

        Raises:
            HostTrouble: it failed; the disk reads as before.
        """
        chain = self.chain(target)
        if top not in chain.files:
            return
        active = chain.files[0] == top
        if not self._job(target):
            flags = libvirt.VIR_DOMAIN_BLOCK_COMMIT_ACTIVE if active else 0
            with self._doing("merge"):
                self._raw.blockCommit(target, base, top, 0, flags)
        self._wait(target, progress, until_ready=active)
        if active:
            self._pivot(target)
        self._require(top not in self.chain(target).files, target)

    def pull(self, target: str, base: str, progress: Progress) -> None:
        """Bring all that lies between the active file and ``base`` into the active file."""
        files = self.chain(target).files
        if base in files and files.index(base) <= 1:
            return
        if not self._job(target):
            with self._doing("merge"):
                self._raw.blockRebase(target, base, 0, 0)
        self._wait(target, progress, until_ready=False)
        files = self.chain(target).files
        self._require(base in files and files.index(base) <= 1, target)

    def move(self, target: str, path: str, image_format: str, progress: Progress) -> None:
        """Copy the whole disk over the file ``path`` and go on with that one."""
        if self.chain(target).files[0] == path:
            return
        # A job that ends with the machine loses nothing: the definition names the old file still.
        flags = libvirt.VIR_DOMAIN_BLOCK_COPY_REUSE_EXT
        flags |= libvirt.VIR_DOMAIN_BLOCK_COPY_TRANSIENT_JOB
        if not self._job(target):
            with self._doing("copy"):
                self._raw.blockCopy(target, _destination(path, image_format), {}, flags)
        self._wait(target, progress, until_ready=True)
        self._pivot(target)
        self._require(self.chain(target).files[0] == path, target)

    def _job(self, target: str) -> dict[str, int]:
        with self._doing("look at the block job of"):
            found = self._raw.blockJobInfo(target, 0)
        return found if isinstance(found, dict) else {}

    def _wait(self, target: str, progress: Progress, *, until_ready: bool) -> None:
        """Until the job is gone, or has nothing left to do but to pivot."""
        stall = Stall(f"merging {target}", safe=_SAFE)
        while job := self._job(target):
            done, total = int(job["cur"]), int(job["end"])
            progress(done, total)
            if until_ready and 0 < total <= done:
                return
            stall.at(done)
            sleep(_POLL_S)

    def _pivot(self, target: str) -> None:
        """Leave the top file; a job that is not quite ready is asked again."""
        deadline = time.monotonic() + _PIVOT_S
        while self._job(target):
            try:
                self._raw.blockJobAbort(target, libvirt.VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT)
            except libvirt.libvirtError as exc:
                not_ready = code(exc) == libvirt.VIR_ERR_BLOCK_COPY_ACTIVE
                if not not_ready or time.monotonic() > deadline:
                    raise as_ours(exc, f"finish merging {target}", safe=_SAFE) from exc
            sleep(_POLL_S)

    def _require(self, merged: bool, target: str) -> None:
        if not merged:
            raise HostTrouble(
                f"QEMU stopped merging disk {target} of '{self._domain.name}'",
                hint="mostly the storage is full or has failed: look there, then go on",
                safe=_SAFE,
            )

    def _doing(self, what: str) -> Any:
        return translated(f"{what} a disk of '{self._domain.name}'", safe=_SAFE)


def _files(disk: etree._Element) -> list[str]:
    found: list[str] = []
    at: etree._Element | None = disk
    while at is not None:
        if name := _file_of(at):
            found.append(name)
        at = at.find("backingStore")
    return found


def _file_of(element: etree._Element | None) -> str:
    source = None if element is None else element.find("source")
    return "" if source is None else str(source.get("file") or "")


def _destination(path: str, image_format: str) -> str:
    disk = etree.Element("disk", type="file")
    etree.SubElement(disk, "source", file=path)
    etree.SubElement(disk, "driver", type=image_format)
    return etree.tostring(disk, encoding="unicode")
