"""A copy of a running instance's disks at one moment, by libvirt's backup job. Not its files."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

import libvirt
from lxml import etree

from lifebuoy.errors import AgentUnavailable, HostTrouble, LifebuoyError, NoSpace
from lifebuoy.hypervisor.domain import Domain
from lifebuoy.hypervisor.stall import STALL_S, Stall
from lifebuoy.hypervisor.storage import Progress
from lifebuoy.hypervisor.translation import translated
from lifebuoy.interruption import sleep

_POLL_S: Final = 0.2
_SAFE: Final = "The instance runs on; its disks are as they were."


class LiveBackup:
    """The backup job of one running domain; there is at most one."""

    def __init__(self, domain: Domain) -> None:
        self._domain = domain
        self._raw: Any = domain._raw

    def begin(self, files: Mapping[str, tuple[str, str]], others: Iterable[str]) -> None:
        """Begin to copy the disks of ``files`` (path and format by target) as they are now.

        The files are there and as large as the disks. ``others`` are the targets left out.
        """
        with self._doing("begin to copy the disks of"):
            self._raw.backupBegin(
                _job(files, others), None, libvirt.VIR_DOMAIN_BACKUP_BEGIN_REUSE_EXTERNAL
            )

    def wait(self, progress: Progress) -> None:
        """Until the copies are whole.

        Raises:
            NoSpace, HostTrouble: the job failed.
            TimedOut: nothing moves any more.
        """
        stall = Stall("copying the running disks", safe=_SAFE)
        while (job := self._stats()) is not None:
            done, total = int(job.get("disk_processed", 0)), int(job.get("disk_total", 0))
            progress(done, total)
            stall.at(done)
            sleep(_POLL_S)
        self._require_success()

    def abort(self) -> None:
        """End the job if there is one."""
        if self._stats() is None:
            return
        with suppress(libvirt.libvirtError):  # it ended by itself
            self._raw.abortJob()
        deadline = time.monotonic() + STALL_S
        while self._stats() is not None and time.monotonic() < deadline:
            time.sleep(_POLL_S)

    def freeze(self) -> int:
        """Let the guest write out and hold its file systems still; how many there are.

        Raises:
            AgentUnavailable: no guest agent that does it.
        """
        with translated(
            f"freeze the file systems of '{self._domain.name}'", error=AgentUnavailable
        ):
            return int(self._raw.fsFreeze())

    def thaw(self) -> None:
        """Let the guest go on; fine if it was not frozen."""
        with suppress(libvirt.libvirtError):
            self._raw.fsThaw()

    def _stats(self) -> dict[str, Any] | None:
        """The running job's figures; None without one."""
        with self._doing("look at the copying of"):
            found: dict[str, Any] = self._raw.jobStats(0)
        none = found.get("type", libvirt.VIR_DOMAIN_JOB_NONE) == libvirt.VIR_DOMAIN_JOB_NONE
        return None if none else found

    def _require_success(self) -> None:
        flags = libvirt.VIR_DOMAIN_JOB_STATS_COMPLETED | libvirt.VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED
        try:
            with self._doing("look at the copying of"):
                found: dict[str, Any] = self._raw.jobStats(flags)
        except LifebuoyError:
            found = {}
        if found.get("type") == libvirt.VIR_DOMAIN_JOB_COMPLETED:
            return
        words = str(found.get("errmsg") or "the instance ended, or the job was cancelled")
        kind = NoSpace if "No space left" in words else HostTrouble
        raise kind(f"copying the running disks failed: {words}", safe=_SAFE)

    def _doing(self, what: str) -> Any:
        return translated(f"{what} '{self._domain.name}'", safe=_SAFE)


def _job(files: Mapping[str, tuple[str, str]], others: Iterable[str]) -> str:
    root = etree.Element("domainbackup", mode="push")
    disks = etree.SubElement(root, "disks")
    for target, (path, image_format) in files.items():
        disk = etree.SubElement(disks, "disk", name=target, backup="yes", type="file")
        etree.SubElement(disk, "target", file=path)
        etree.SubElement(disk, "driver", type=image_format)
    for target in others:
        etree.SubElement(disks, "disk", name=target, backup="no")
    return etree.tostring(root, encoding="unicode")
