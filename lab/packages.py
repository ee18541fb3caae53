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


def keep(disk: Path, package: str, folder: Path) -> None:
    """Put the package that is installed on the disk into its cache, too. Raises BuildFailed."""
    there = f"{disk.resolve()}?offset={_ROOT_OFFSET}"
    status = _run(["debugfs", "-R", f"cat {_STATUS}", there], folder)
    file = fetch(package, version_of(package, status), folder)
    _run(["debugfs", "-w", "-R", f"write {file} {_CACHE}/{file.name}", there], folder)


def _run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=TIMEOUT_S)
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()[-300:]
        raise BuildFailed(f"{command[0]} failed: {said}")
    return done.stdout.decode(errors="replace")
