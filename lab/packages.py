"""Packages in a guest's own cache, as they lie there after an upgrade: what a repair takes first.

For raw images with the root on ext4 in the first partition, as the BIOS guest has it.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Final

from lifebuoy.errors import BuildFailed

_ROOT_OFFSET: Final = 1 << 20  # bytes
_STATUS: Final = "/var/lib/dpkg/status"
_CACHE: Final = "/var/cache/apt/archives"
TIMEOUT_S: Final = 300


def version_of(package: str, status: str) -> str:
    """The version of an installed package, by the text of dpkg's database. Raises BuildFailed."""
    entry = re.search(rf"^Package: {re.escape(package)}\n(?:.+\n)*", status, re.MULTILINE)
    version = re.search(r"^Version: (\S+)$", entry[0], re.MULTILINE) if entry else None
    if version is None:
        raise BuildFailed(f"the guest has no package {package}")
    return version[1]


def fetch(package: str, version: str, folder: Path) -> Path:
    """The package in ``folder``, downloaded by this machine's apt where it is not there yet."""
    name = f"{package}_{version.replace(':', '%3a')}_"
    if not list(folder.glob(f"{name}*.deb")):
        _run(["apt-get", "-q", "download", f"{package}={version}"], folder)
    return next(folder.glob(f"{name}*.deb"))


def installed(disk: Path, package: str, folder: Path) -> Path:
    """The package that is installed on the disk, in ``folder``; downloaded likewise."""
    status = _run(["debugfs", "-R", f"cat {_STATUS}", _there(disk)], folder)
    return fetch(package, version_of(package, status), folder)


def keep(disk: Path, package: str, folder: Path) -> None:
    """Put the package that is installed on the disk into its cache, too. Raises BuildFailed."""
    file = installed(disk, package, folder)
    put(disk, file, f"{_CACHE}/{file.name}")


def put(disk: Path, file: Path, path: str) -> None:
    """Put a file onto the disk as ``path``, in whose folder there may be another of that name."""
    _run(["debugfs", "-w", "-R", f"rm {path}", _there(disk)], file.parent)
    _run(["debugfs", "-w", "-R", f"write {file} {path}", _there(disk)], file.parent)


def _there(disk: Path) -> str:
    return f"{disk.resolve()}?offset={_ROOT_OFFSET}"


def _run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=TIMEOUT_S)
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()[-300:]
        raise BuildFailed(f"{command[0]} failed: {said}")
    return done.stdout.decode(errors="replace")
