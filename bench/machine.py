"""What the benchmark runs on, whether KVM may be used there, and whether it is quiet now."""

from __future__ import annotations

import os
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lifebuoy.errors import HostTrouble
from lifebuoy.hypervisor import Host, kvm

_STAT: Final = Path("/proc/stat")
_SAMPLE_S: Final = 1.0
_QUIET: Final = 0.1  # of the processors' time


@dataclass(frozen=True, slots=True)
class Machine:
    """Facts that figures depend on. ``acceleration`` is "kvm" or "tcg" (emulation)."""

    processor: str
    cores: int
    kernel: str
    libvirt: str
    qemu: str
    libguestfs: str
    acceleration: str
    acceleration_reason: str

    @property
    def domain_type(self) -> str:
        """The type of libvirt domains that goes with the acceleration."""
        return "kvm" if self.acceleration == "kvm" else "qemu"


def look(host: Host, cache_dir: Path) -> Machine:
    """The machine as it is; KVM counts only where a guest did real work under it."""
    try:
        # The guests here name no CPU, so KVM is tried with libvirt's default one.
        verdict = kvm.probe(host, cpu_mode="", cache_dir=cache_dir)
        usable, reason = verdict.usable, verdict.reason
    except HostTrouble as error:
        usable, reason = False, f"KVM could not be tried: {error.message}"
    versions = host.versions()
    return Machine(
        processor=_processor(Path("/proc/cpuinfo")),
        cores=len(os.sched_getaffinity(0)),
        kernel=versions.kernel,
        libvirt=versions.libvirt,
        qemu=versions.qemu,
        libguestfs=_first_line("guestfish", "--version"),
        acceleration="kvm" if usable else "tcg",
        acceleration_reason=reason,
    )


def wait_until_quiet(patience_s: float) -> float:
    """Wait until the processors have next to nothing to do, at most ``patience_s``.

    Returns the part of their time that was taken at last, 0 to 1.
    """
    deadline = time.monotonic() + patience_s
    while True:
        before = _processor_time(_STAT.read_text())
        time.sleep(_SAMPLE_S)
        after = _processor_time(_STAT.read_text())
        busy, whole = (end - start for start, end in zip(before, after, strict=True))
        share = busy / whole if whole else 0.0
        if share < _QUIET or time.monotonic() >= deadline:
            return share


def _processor_time(stat: str) -> tuple[int, int]:
    """Ticks in which the processors worked, or were kept from it, and ticks in all (proc(5))."""
    fields = [int(word) for word in stat.partition("\n")[0].split()[1:9]]
    idle = fields[3] + fields[4]
    return sum(fields) - idle, sum(fields)


def _processor(cpuinfo: Path) -> str:
    found = re.search(r"^model name\s*: (.+)$", cpuinfo.read_text(), re.MULTILINE)
    return found[1] if found else ""


def _first_line(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    return (done.stdout.splitlines() or [""])[0]
