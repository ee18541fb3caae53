"""What a doctor has opened in the kernel: mappings and arrays, closed by the next one if it died.

Mounts and loop devices go by themselves with the process that made them. Mappings and arrays stay,
so each doctor that opens one keeps a file with their names, locked for as long as it lives.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

from .mounting import run

FOLDER = Path("/run/lifebuoy-doctor-opened")
MAPPING, ARRAY = "mapping", "array"
#: mounts of a process that was killed, and udev's look at what is new, take a moment
PATIENCE_S = 10.0
_MOST = 1 << 16


class Ledger:
    """One doctor's file. The first entry makes it."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder, self._path, self._fd = folder, Path(), -1
        #: for names that nobody else has
        self.token = secrets.token_hex(4)

    @property
    def held(self) -> tuple[int, ...]:
        """What a program that opens something must hold, so that it is not missed."""
        return (self._fd,) if self._fd >= 0 else ()

    def note(self, kind: str, name: str) -> None:
        """Before it is opened. Raises OSError."""
        if self._fd < 0:
            self._begin()
        os.write(self._fd, f"{kind} {name}\n".encode())

    def _begin(self) -> None:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._path = self._folder / self.token
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        if not self._path.exists():  # somebody who swept was quicker
            os.close(self._fd)
            self._begin()

    def close(self) -> None:
        """Closes what is noted, newest first; what cannot be is left for the next doctor."""
        if self._fd >= 0:
            _settle(self._path, self._fd)
            os.close(self._fd)
            self._fd = -1


def sweep(folder: Path = FOLDER) -> None:
    """Closes what doctors left behind that were killed."""
    for path in sorted(folder.iterdir()) if os.access(folder, os.R_OK | os.X_OK) else ():
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _settle(path, descriptor)
        except BlockingIOError:
            continue  # its doctor is at work
        finally:
            os.close(descriptor)


def _settle(path: Path, descriptor: int) -> None:
    lines = os.pread(descriptor, _MOST, 0).decode("ascii", "replace").splitlines()
    entries = [line.split(" ", 1) for line in lines if " " in line]
    left = [name for kind, name in reversed(entries) if not shut(kind, name)]
    if not left:
        path.unlink(missing_ok=True)


def shut(kind: str, name: str, patience_s: float = PATIENCE_S) -> bool:
    """Closes a mapping or an array of ours; whether it is closed now."""
    deadline = time.monotonic() + patience_s
    while (device := device_of(kind, name)) is not None:
        for holder in _activated_on(device):
            run(["dmsetup", "remove", holder])
        words = ["mdadm", "--stop", name] if kind == ARRAY else ["dmsetup", "remove", name]
        run(words)
        if device_of(kind, name) is None:
            break
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def device_of(kind: str, name: str) -> str | None:
    """The kernel's own name of a mapping or an array that is open."""
    if kind == ARRAY:
        found = Path("/sys/class/block") / Path(name).name / "md/array_state"
        return Path(name).name if found.exists() and _line(found) != "clear" else None
    mappings = Path("/sys/class/block").glob("dm-*/dm/name")
    return next((one.parents[1].name for one in mappings if _line(one) == name), None)


def _activated_on(device: str) -> Iterator[str]:
    """Logical volumes that this system made of a device of ours by itself, as it does unasked."""
    for child in Path("/sys/class/block", device, "holders").glob("dm-*"):
        if _line(child / "dm/uuid").startswith("LVM-"):
            yield _line(child / "dm/name")


def _line(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
