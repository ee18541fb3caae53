"""What the benchmark runs on, and whether KVM may be used: written into the record."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from lifebuoy.errors import HostTrouble
from lifebuoy.hypervisor import Host, kvm


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


def _processor(cpuinfo: Path) -> str:
    found = re.search(r"^model name\s*: (.+)$", cpuinfo.read_text(), re.MULTILINE)
    return found[1] if found else ""


def _first_line(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    return (done.stdout.splitlines() or [""])[0]
