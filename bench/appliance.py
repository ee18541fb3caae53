"""libguestfs on the same disk, as its users start it: guestfish, virt-rescue, virt-inspector.

All boot libguestfs' appliance on QEMU started directly (no libvirt between), without firmware
boot: it hands QEMU a kernel. The disk is opened read-only.
"""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from lifebuoy.errors import HostTrouble, MissingTool, TimedOut

PROMPT: Final = b"><rescue>"
_HINT: Final = "Install the packages guestfs-tools, libguestfs-tools and linux-image-amd64."
_TIMEOUT_S: Final = 300.0
_END_S: Final = 30.0


def environment(base: Mapping[str, str], acceleration: str) -> dict[str, str]:
    """The environment for libguestfs' programs; ``acceleration`` is "kvm" or "tcg"."""
    settings = {"LIBGUESTFS_BACKEND": "direct"}
    if acceleration != "kvm":
        # A /dev/kvm that opens but does not work would hang it for good.
        settings["LIBGUESTFS_BACKEND_SETTINGS"] = "force_tcg"
    return {**base, **settings}


def guestfish_run(disk: Path, env: Mapping[str, str]) -> float:
    """Seconds of the whole command ``guestfish --ro -a DISK run``.

    Raises:
        MissingTool: libguestfs is not installed.
        HostTrouble: it failed; with its words.
        TimedOut: it did not end.
    """
    return _seconds(["guestfish", "--ro", "-a", str(disk), "run"], env)


def virt_inspector(disk: Path, env: Mapping[str, str]) -> float:
    """Seconds of the whole command ``virt-inspector -a DISK``; raises as ``guestfish_run``."""
    return _seconds(["virt-inspector", "-a", str(disk)], env)


def _seconds(command: list[str], env: Mapping[str, str]) -> float:
    began = time.monotonic()
    try:
        done = subprocess.run(
            command,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_TIMEOUT_S,
        )
    except FileNotFoundError as missing:
        raise MissingTool(f"{command[0]} is not installed", hint=_HINT) from missing
    except subprocess.TimeoutExpired as late:
        raise TimedOut(f"{command[0]} did not end within {_TIMEOUT_S:.0f} s") from late
    if done.returncode != 0:
        raise HostTrouble(f"{command[0]} failed: {done.stderr.strip()[-800:]}", hint=_HINT)
    return time.monotonic() - began


def virt_rescue(disk: Path, env: Mapping[str, str]) -> float:
    """Seconds from ``virt-rescue --ro -e none -a DISK``, at a terminal, to its shell prompt.

    Raises:
        MissingTool: libguestfs is not installed.
        HostTrouble: it ended before.
        TimedOut: no prompt came.
    """
    began = time.monotonic()
    with _at_a_terminal(["virt-rescue", "--ro", "-e", "none", "-a", str(disk)], env) as terminal:
        seen = b""
        while PROMPT not in seen:
            left = began + _TIMEOUT_S - time.monotonic()
            if left <= 0:
                raise TimedOut(f"virt-rescue had no prompt within {_TIMEOUT_S:.0f} s")
            piece = _read(terminal, left)
            if piece is None:
                words = seen.decode(errors="replace").strip()[-800:]
                raise HostTrouble(f"virt-rescue ended: {words}", hint=_HINT)
            seen += piece
        seconds = time.monotonic() - began
        os.write(terminal, b"exit\n")
        while _read(terminal, _END_S):
            pass
        return seconds


@contextmanager
def _at_a_terminal(command: list[str], env: Mapping[str, str]) -> Iterator[int]:
    """The command at a pseudo-terminal of its own; ended when the block is left."""
    ours, its = pty.openpty()
    try:
        process = subprocess.Popen(
            command, env=dict(env), stdin=its, stdout=its, stderr=its, start_new_session=True
        )
    except FileNotFoundError as missing:
        os.close(ours)
        raise MissingTool(f"{command[0]} is not installed", hint=_HINT) from missing
    finally:
        os.close(its)
    try:
        yield ours
    finally:
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        os.close(ours)


def _read(terminal: int, timeout_s: float) -> bytes | None:
    """What is shown within the time, empty if nothing; None at the end."""
    if not select.select([terminal], [], [], timeout_s)[0]:
        return b""
    try:
        return os.read(terminal, 65536) or None
    except OSError:
        return None  # Linux ends a terminal so
