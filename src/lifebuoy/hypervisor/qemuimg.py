"""Runs qemu-img on this machine; ended when this process is. Only for the embedded driver."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from typing import Final

from lifebuoy.errors import HostTrouble, MissingTool, NoSpace, TimedOut
from lifebuoy.hypervisor.storage import Progress
from lifebuoy.hypervisor.translation import UNKNOWN
from lifebuoy.interruption import checkpoint

#: A call that says nothing for so long hangs.
_SILENCE_S: Final = 600.0
_PERCENT: Final = re.compile(rb"\((\d+)\.(\d+)/100%\)")
_POLL_S: Final = 0.1


def run(*words: str, progress: Progress | None = None, total: int = 0) -> None:
    """Run ``qemu-img`` with ``words``; with ``progress`` told the part of ``total`` done.

    Raises:
        MissingTool: it is not installed.
        NoSpace, HostTrouble: it failed; its words are kept.
    """
    with subprocess.Popen(
        [*_prefix(), *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            _watch(process, progress, total)
        finally:
            if process.poll() is None:
                process.kill()
        error = process.stderr.read() if process.stderr else b""
    if process.returncode != 0:
        raise _failed(error.decode(errors="replace"), words)


def _prefix() -> list[str]:
    program = shutil.which("qemu-img")
    if program is None:
        raise MissingTool(
            "qemu-img is missing on this machine",
            hint="Debian, Ubuntu: qemu-utils; Fedora: qemu-img",
        )
    # so that none goes on writing after its starter was killed
    setpriv = shutil.which("setpriv")
    return [*([setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []), program]


def _watch(process: subprocess.Popen[bytes], progress: Progress | None, total: int) -> None:
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    heard = time.monotonic()
    said = b""
    while process.poll() is None:
        checkpoint()
        piece = process.stdout.read()
        if piece:
            heard = time.monotonic()
            said = (said + piece)[-200:]
            if progress and (found := _PERCENT.findall(said)):
                whole, part = found[-1]
                progress(total * (int(whole) * 100 + int(part)) // 10000, total)
        elif time.monotonic() - heard > _SILENCE_S:
            raise TimedOut("qemu-img made no progress", safe=UNKNOWN)
        time.sleep(_POLL_S if progress else 0.005)


def _failed(said: str, words: tuple[str, ...]) -> HostTrouble | NoSpace:
    line = (said.strip().splitlines() or ["it gave no reason"])[-1].removeprefix("qemu-img: ")
    kind = NoSpace if "No space left" in said or "Disk quota exceeded" in said else HostTrouble
    return kind(f"qemu-img {words[0]} failed: {line}", safe=UNKNOWN)
