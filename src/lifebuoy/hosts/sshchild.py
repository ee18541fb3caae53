"""The ssh that libvirt starts for a connection, found by the thread that started it.

A connection that is being opened cannot be cut off through libvirt, and an ssh that waits for a
host that hangs outlives the process that wanted it by minutes. So it is ended from here.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Final

_PROGRAMS: Final = frozenset({"ssh"})


def end_those_of(thread: int) -> None:
    """End every ssh that the thread of this process with that native id has started.

    Does nothing where the kernel does not tell the children of threads.
    """
    try:
        told = Path(f"/proc/self/task/{thread}/children").read_text()
    except OSError:
        return  # the thread has ended, or there is no such file
    for child in map(int, told.split()):
        try:
            name = Path(f"/proc/{child}/comm").read_text().strip()
            if name in _PROGRAMS:
                os.kill(child, signal.SIGTERM)
        except OSError:
            continue  # it has ended by itself
