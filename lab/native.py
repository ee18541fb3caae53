"""Breaks a guest on a raw image without a builder, changes it, or reads a file of it.

By loop devices, in a mount namespace of its own: for tests of the doctor, which need no boot. Needs
root. ``python -m lab.native DISK NAME``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from lab.breaking import find
from lab.recipe import Breakage, Where
from lifebuoy.errors import BuildFailed
from lifebuoy.guest.doctor import mounting
from lifebuoy.guest.doctor.patient import opened

TIMEOUT_S = 120
NOT_THERE = 3


def raw_copy(base: Path, target: Path) -> Path:
    """The guest on a qcow2 as a raw image, sparse."""
    command = ["qemu-img", "convert", "-O", "raw", str(base), str(target)]
    subprocess.run(command, check=True, timeout=300)
    return target


def sparse_copy(base: Path, target: Path) -> Path:
    """A copy of a raw image, holes left out."""
    command = ["cp", "--sparse=always", "--reflink=auto", str(base), str(target)]
    subprocess.run(command, check=True, timeout=300)
    return target


def read(disk: Path, path: str) -> bytes | None:
    """A file of the guest on the raw image; None where it is missing."""
    command = [sys.executable, "-m", "lab.native", str(disk.resolve()), "--read", path]
    done = _own_process(command)
    if done.returncode not in (0, NOT_THERE):
        raise BuildFailed(f"reading {path} failed: {done.stderr.decode().strip()[-500:]}")
    return None if done.returncode else done.stdout


def apply(disk: Path, name: str) -> None:
    """Break the guest on the raw image, in a process of its own. Raises BuildFailed."""
    command = [sys.executable, "-m", "lab.native", str(disk.resolve()), name]
    done = _own_process(command)
    if done.returncode != 0:
        raise BuildFailed(f"breaking with {name} failed: {done.stderr.decode().strip()[-500:]}")


def change(disk: Path, commands: str) -> str:
    """Run shell commands with ROOT set to where the guest is mounted; what they print.

    Raises BuildFailed.
    """
    command = [sys.executable, "-m", "lab.native", str(disk.resolve()), "--run", commands]
    done = _own_process(command)
    if done.returncode != 0:
        raise BuildFailed(f"changing the guest failed: {done.stderr.decode().strip()[-500:]}")
    return done.stdout.decode(errors="replace")


def _own_process(command: list[str]) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(
        command, capture_output=True, check=False, timeout=TIMEOUT_S, env=environment
    )


def _break(disk: str, breakage: Breakage) -> None:
    mounting.own_namespace()
    if breakage.where is Where.UNMOUNTED:
        _shell(breakage.commands, "", disk)
    else:
        _change(disk, breakage.commands)


def _change(disk: str, commands: str) -> None:
    with opened([disk], writable=True) as patient:
        places = patient.files.places
        root = places["/"]
        for folder, place in places.items():
            if folder != "/":
                subprocess.run(["mount", "--bind", place, root + folder], check=True)
        try:
            _shell(commands, root, disk)
        finally:
            for folder in reversed(list(places)):  # /boot/efi before /boot
                if folder != "/":
                    subprocess.run(["umount", root + folder], check=True)


def _shell(commands: str, root: str, disk: str) -> None:
    environment = {**os.environ, "ROOT": root, "DISK": disk}
    shell = ["sh", "-euc", commands]
    done = subprocess.run(shell, env=environment, check=False, timeout=TIMEOUT_S)
    if done.returncode != 0:
        sys.exit(f"the commands ended with status {done.returncode}")


def _show(disk: str, path: str) -> int:
    mounting.own_namespace()
    with opened([disk]) as patient:
        data = patient.files.read(path)
    if data is None:
        return NOT_THERE
    sys.stdout.buffer.write(data)
    return 0


if __name__ == "__main__":
    if sys.argv[2] == "--read":
        sys.exit(_show(sys.argv[1], sys.argv[3]))
    if sys.argv[2] == "--run":
        mounting.own_namespace()
        _change(sys.argv[1], sys.argv[3])
    else:
        _break(sys.argv[1], find(sys.argv[2]))
