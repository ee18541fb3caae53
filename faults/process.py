"""Processes of Lifebuoy, forked from this one so that nothing has to be loaded again.

Each has its own standard streams and environment, and ends by itself, by a signal, or by the
deadline. This process must have no threads and no libvirt connection of its own.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

DEADLINE_S: Final = 90.0
_POLL_S: Final = 0.005
_PR_SET_CHILD_SUBREAPER: Final = 36


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended: ``status`` is its exit status, or minus the signal's number."""

    status: int
    out: str
    err: str
    seconds: float

    @property
    def killed(self) -> bool:
        """Whether it was ended by SIGKILL."""
        return self.status == -signal.SIGKILL


@dataclass(frozen=True, slots=True)
class Started:
    """One under way, its output in ``folder``."""

    pid: int
    folder: Path
    began: float

    def wait(self, timeout_s: float = DEADLINE_S) -> Ended | None:
        """Its end; None if it has not ended in time."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            pid, status = _reaped()
            if pid == self.pid:
                return self._ended(status)
            if pid == 0:
                time.sleep(_POLL_S)
        return None

    def _ended(self, status: int) -> Ended:
        out, err = ((self.folder / name).read_text(errors="replace") for name in ("out", "err"))
        seconds = time.monotonic() - self.began
        return Ended(os.waitstatus_to_exitcode(status), out, err, seconds)

    def kill(self) -> Ended:
        """End it as ``kill -9`` does."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        ended = self.wait()
        assert ended is not None
        return ended


def adopt_orphans() -> None:
    """Become the parent of every QEMU whose starter has ended, and take leave of it at its end.

    libvirt waits for that; the first process of a container may take its time.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _reaped() -> tuple[int, int]:
    try:
        return os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return 0, 0


def start(
    act: Callable[[], object],
    folder: Path,
    *,
    environment: Mapping[str, str],
    stdin: str = "",
) -> Started:
    """Begin ``act`` in a process of its own; what it returns is written to standard output."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "in").write_text(stdin)
    began = time.monotonic()
    pid = os.fork()
    if pid == 0:
        os._exit(_child(act, folder, environment))
    return Started(pid, folder, began)


def run(
    act: Callable[[], object],
    folder: Path,
    *,
    environment: Mapping[str, str],
    stdin: str = "",
    timeout_s: float = DEADLINE_S,
) -> Ended:
    """The same to its end; one that does not end in time is killed, and says so."""
    started = start(act, folder, environment=environment, stdin=stdin)
    ended = started.wait(timeout_s)
    if ended is not None:
        return ended
    killed = started.kill()
    return Ended(-signal.SIGALRM, killed.out, f"{killed.err}\nIT DID NOT END", killed.seconds)


def _child(act: Callable[[], object], folder: Path, environment: Mapping[str, str]) -> int:
    os.setsid()
    for number, name in enumerate(("in", "out", "err")):
        flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        descriptor = os.open(folder / name, flags, 0o600)
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(environment)
    status = 0
    try:
        found = act()
        if isinstance(found, str):
            os.write(1, found.encode())
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        os.write(2, traceback.format_exc().encode())
        status = 70
    _end()
    return status


def _end() -> None:
    """What the interpreter does at its end: its threads come to theirs, its texts go out."""
    with suppress(Exception):
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
