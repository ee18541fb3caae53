"""Mounts volumes at private places: for reading without replaying a journal, or for writing.

The caller lives in a mount namespace of its own, so nothing is left behind however it ends; a
loop device goes with its last user.
"""

from __future__ import annotations

import ctypes
import os
import stat
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from . import loops
from .volume import Volume

_NEW_NAMESPACE = 0x00020000
_PRIVATE_RECURSIVE = (1 << 18) | 16384
_READ_ONLY = {
    "ext3": "ro,noload",
    "ext4": "ro,noload",
    "xfs": "ro,norecovery,nouuid",
    "btrfs": "ro,rescue=nologreplay",
}
_WRITABLE = {"xfs": "rw,nouuid"}
MOUNTABLE = {"ext2", "ext3", "ext4", "xfs", "btrfs", "vfat"}
TIMEOUT_S = 120


class CannotMount(Exception):
    """What mount said, in one line."""


def own_namespace() -> None:
    """From here on this process's mounts are its own. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_NEW_NAMESPACE) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    if libc.mount(b"none", b"/", None, _PRIVATE_RECURSIVE, None) != 0:
        raise OSError(ctypes.get_errno(), "mount --make-rprivate /")


def run(
    argv: Sequence[str],
    timeout_s: int = TIMEOUT_S,
    folder: str | None = None,
    *,
    given: bytes = b"",
    holds: Sequence[int] = (),
) -> subprocess.CompletedProcess[str]:
    """Runs a program of this system, not of the guest; its output is kept, not shown.

    ``folder`` is where it works, ``given`` its standard input; ``holds`` are descriptors that stay
    open as long as it runs.
    """
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
    done = subprocess.run(
        list(argv),
        capture_output=True,
        input=given,
        timeout=timeout_s,
        check=False,
        env=environment,
        cwd=folder,
        pass_fds=holds,
    )
    out, err = (text.decode("utf-8", "replace") for text in (done.stdout, done.stderr))
    return subprocess.CompletedProcess(done.args, done.returncode, out, err)


def node_of(volume: Volume) -> str | None:
    """The device node that the kernel has for the volume, if it has one."""
    if not volume.disk.is_device:
        return None
    if volume.part is None:
        return volume.disk.path if volume.key == (volume.disk.path, 0, volume.disk.size) else None
    folder = Path("/sys/class/block") / volume.disk.name
    for child in folder.glob(f"{volume.disk.name}*"):
        try:
            start = int((child / "start").read_text())
        except (OSError, ValueError):
            continue
        if start * 512 == volume.start:
            return f"/dev/{child.name}"
    return None


def holders(volume: Volume) -> list[str]:
    """Names of the kernel's devices that are made of the volume now, such as dm-0 and md127."""
    node = node_of(volume)
    folder = Path("/sys/class/block") / os.path.basename(os.path.realpath(node or "/")) / "holders"
    return sorted(child.name for child in folder.iterdir()) if node and folder.is_dir() else []


def above(volume: Volume) -> list[str]:
    """The same, with what those in turn are parts of."""
    found: list[str] = []
    pending = holders(volume)
    while pending:
        name = pending.pop()
        if name not in found:
            found.append(name)
            folder = Path("/sys/class/block", name, "holders")
            pending += [child.name for child in folder.iterdir()] if folder.is_dir() else []
    return found


def mounted_at(node: str) -> str | None:
    """Where the block device is mounted already."""
    device = os.stat(node).st_rdev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in Path("/proc/self/mountinfo").read_text(errors="replace").splitlines():
        fields = line.split()
        if fields[2] == wanted and fields[3] == "/":
            return fields[4].encode().decode("unicode_escape")
    return None


def holds_running_system(disk: str) -> bool:
    """Whether the root that this very system runs from lies on this disk, or on a part of it."""
    found = os.stat(disk)
    root = os.stat("/").st_dev
    if not stat.S_ISBLK(found.st_mode):
        return False
    inside = Path(f"/sys/dev/block/{os.major(root)}:{os.minor(root)}")
    if not inside.exists():
        return False
    whole = f"{os.major(found.st_rdev)}:{os.minor(found.st_rdev)}"
    pending = [inside.resolve()]
    while pending:
        real = pending.pop()
        for folder in (real, real.parent):
            if (folder / "dev").exists() and (folder / "dev").read_text().strip() == whole:
                return True
        if (real / "slaves").is_dir():  # what a mapping or an array is made of
            pending += [child.resolve() for child in (real / "slaves").iterdir()]
    return False


@contextmanager
def attached(volume: Volume, *, writable: bool) -> Iterator[str]:
    """A loop device over the range of the volume, for this block. Raises CannotMount."""
    with ExitStack() as stack:
        try:
            span = loops.attached(volume.disk.path, volume.start, volume.size, writable=writable)
            node = stack.enter_context(span)
        except OSError as trouble:
            raise CannotMount(f"no loop device over it: {trouble.strerror}") from trouble
        yield node


def mount(volume: Volume, place: str, *, writable: bool, subvolume: str = "") -> None:
    """Mounts the volume at this folder. Raises CannotMount."""
    os.makedirs(place, exist_ok=True)
    table = _WRITABLE if writable else _READ_ONLY
    options = table.get(volume.kind, "rw" if writable else "ro")
    if subvolume:
        options += f",subvol={subvolume}"
    node = node_of(volume)
    there = mounted_at(node) if node else None
    if there is not None:  # by the owner, at work by hand: never a second time with other options
        done = run(["mount", "--bind", there, place])
    elif node is not None:
        done = _mounted(volume, options, node, place)
    else:
        with attached(volume, writable=writable) as device:
            done = _mounted(volume, options, device, place)
    if done.returncode != 0:
        raise CannotMount((done.stderr.strip().splitlines() or ["mount failed"])[0])


def _mounted(
    volume: Volume, options: str, device: str, place: str
) -> subprocess.CompletedProcess[str]:
    try:
        return run(["mount", "-t", volume.kind, "-o", options, device, place])
    except subprocess.TimeoutExpired as late:
        raise CannotMount(f"not mounted within {TIMEOUT_S} s") from late


def unmount(place: str) -> None:
    """Unmounts the place and all below it, written out first."""
    done = run(["umount", "-R", place])
    if done.returncode != 0:
        run(["umount", "-R", "-l", place])
