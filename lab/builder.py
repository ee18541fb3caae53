"""A small machine in emulation that runs shell scripts on disks: it builds and breaks guests.

It boots the guest root's own kernel and initramfs, with the root's squashfs as its system, so
the disks are made by the guest's own tools and nothing is mounted on this machine. What came of
each job is read from a disk of its own, not from the serial line, which can lose lines.
"""

from __future__ import annotations

import io
import secrets
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab import archive, emulator, scripts
from lab.root import Progress, Root
from lifebuoy.errors import BuildFailed

RESULT_BYTES = 4 << 20
SHOWN_LOG_LINES = 30


@dataclass(frozen=True, slots=True)
class Job:
    """One script, run with DISK set to a qcow2 ``disk``, OUT to a folder for results.

    ``variables`` are set for the script; their values hold no quotes.
    """

    name: str
    disk: Path
    script: str
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a job that succeeded left: its log, and the files of its OUT folder by name."""

    log: str
    files: Mapping[str, bytes]


def run(
    root: Root, jobs: Sequence[Job], *, progress: Progress, timeout_s: float = 300
) -> list[Outcome]:
    """Run the jobs in order in one boot. Raises BuildFailed if any of them fails."""
    disks = list(dict.fromkeys(job.disk for job in jobs))
    nonce = secrets.token_hex(16)
    with tempfile.TemporaryDirectory(prefix="lifebuoy-builder-") as folder:
        initrd = Path(folder, "initrd")
        initrd.write_bytes(_job_archive(jobs, disks, nonce) + root.initrd.read_bytes())
        result = Path(folder, "result")
        result.write_bytes(b"")
        with result.open("r+b") as file:
            file.truncate(RESULT_BYTES)
        serial = _boot(root, initrd, disks, result, progress=progress, timeout_s=timeout_s)
        return _outcomes(jobs, result.read_bytes(), nonce, serial)


def _job_archive(jobs: Sequence[Job], disks: Sequence[Path], nonce: str) -> bytes:
    files = {
        "lab-init": scripts.read("builder-init.sh"),
        "job/main.sh": scripts.read("builder-main.sh"),
        "job/common.sh": scripts.read("common.sh"),
        "job/nonce": nonce,
    }
    for number, job in enumerate(jobs):
        settings = "".join(f"{name}='{value}'\n" for name, value in job.variables.items())
        files[f"job/{number:02}/disk"] = str(disks.index(job.disk))
        files[f"job/{number:02}/script.sh"] = settings + job.script
    return archive.newc(files)


def _boot(
    root: Root,
    initrd: Path,
    disks: Sequence[Path],
    result: Path,
    *,
    progress: Progress,
    timeout_s: float,
) -> list[str]:
    """Boot the builder until it is off; gives the serial output."""
    options = "console=ttyS0 rdinit=/lab-init quiet loglevel=4 panic=-1 mitigations=off"
    arguments = ["-machine", "pc", "-m", "1024", "-smp", "2", "-no-reboot"]
    arguments += ["-kernel", str(root.kernel), "-initrd", str(initrd), "-append", options]
    arguments += ["-device", "virtio-rng-pci"]  # mkfs, LVM and ssh-keygen would wait for entropy
    for number, disk in enumerate(disks):
        arguments += emulator.drive(disk, image_format="qcow2", serial=f"lab-disk-{number}")
    arguments += emulator.drive(
        root.squashfs, image_format="raw", serial="lab-system", read_only=True
    )
    arguments += emulator.drive(result, image_format="raw", serial="lab-result")
    seen: list[str] = []
    deadline = time.monotonic() + timeout_s
    with emulator.running(arguments) as machine:
        try:
            for line in emulator.lines(machine, deadline):
                seen.append(line)
                if line.startswith("lab: "):
                    progress(line.removeprefix("lab: "))
            machine.wait(30)
        except (TimeoutError, subprocess.TimeoutExpired) as late:
            raise BuildFailed(
                f"the builder was not done within {timeout_s:.0f} s, last seen:\n" + _tail(seen)
            ) from late
    return seen


def _outcomes(
    jobs: Sequence[Job], result: bytes, nonce: str, serial: Sequence[str]
) -> list[Outcome]:
    try:
        with tarfile.open(fileobj=io.BytesIO(result)) as tar:
            files = {
                member.name.removeprefix("./"): content.read()
                for member in tar
                if (content := tar.extractfile(member))
            }
    except tarfile.TarError:
        files = {}
    if files.get("done", b"").decode(errors="replace").strip() != nonce:
        raise BuildFailed("the builder ended without a result, last seen:\n" + _tail(serial))
    outcomes = []
    for number, job in enumerate(jobs):
        start = f"{number:02}/"
        own = {name.removeprefix(start): data for name, data in files.items() if start in name}
        log = own.pop("log", b"").decode(errors="replace")
        if own.pop("status", b"").strip() != b"0":
            raise BuildFailed(f"'{job.name}' failed:\n{_tail(log.splitlines())}")
        outcomes.append(Outcome(log, own))
    return outcomes


def _tail(lines: Sequence[str]) -> str:
    return "\n".join(lines[-SHOWN_LOG_LINES:])
