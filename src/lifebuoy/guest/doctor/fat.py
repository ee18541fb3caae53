"""The EFI system partition on a machine whose kernel knows no FAT: copied out, and back, by mtools.

In the rescue system the kernel mounts it; this serves examinations of image files elsewhere.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from .mounting import CannotMount, run
from .volume import Volume

MOST_BYTES = 300 << 20
_NOTE = ".lifebuoy-fat"


def kernel_can() -> bool:
    """Whether the running kernel mounts FAT, with its module loaded if need be."""
    if _listed():
        return True
    run(["modprobe", "-q", "vfat"])
    return _listed()


def _listed() -> bool:
    text = Path("/proc/filesystems").read_text()
    return any(line.split()[-1:] == ["vfat"] for line in text.splitlines())


def _image(volume: Volume) -> str:
    return f"{volume.disk.path}@@{volume.start}"


def take_out(volume: Volume, place: str, *, writable: bool) -> None:
    """Copies the files to the folder. Raises CannotMount."""
    if shutil.which("mcopy", path="/usr/bin:/bin") is None:
        raise CannotMount("this kernel knows no FAT, and mtools are not installed")
    if volume.size > MOST_BYTES:
        raise CannotMount("this kernel knows no FAT, and the partition is too large to copy")
    os.makedirs(place, exist_ok=True)
    if run(["mdir", "-b", "-i", _image(volume), "::"]).returncode not in (0, 1):
        raise CannotMount("no FAT file system that mtools can read")
    run(["mcopy", "-s", "-n", "-m", "-i", _image(volume), "::*", place])
    if writable:
        Path(place + _NOTE).write_text(_image(volume))


def put_back(place: str) -> None:
    """Makes the partition hold what the folder holds now, where it was taken out for writing."""
    note = Path(place + _NOTE)
    if not note.exists():
        return
    image = note.read_text()
    listed = run(["mdir", "-/", "-b", "-i", image, "::"]).stdout.split("\n")
    for name in listed:
        inside = name.strip().removeprefix("::").strip("/")
        if inside and not (Path(place) / inside).exists():
            tool = "mdeltree" if name.rstrip().endswith("/") else "mdel"
            run([tool, "-i", image, f"::/{inside}"])
    for child in sorted(Path(place).iterdir()):
        run(["mcopy", "-s", "-o", "-m", "-i", image, str(child), "::"])
