"""Ctrl-C and SIGTERM: the first one stops what is under way, later ones do not stop its undoing."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PATIENCE: Final = "Already stopping: things are being put back as they were. Please wait.\n"


class _Handler:
    """Raises KeyboardInterrupt once."""

    def __init__(self) -> None:
        self.came = False

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        if not self.came:
            self.came = True
            raise KeyboardInterrupt
        try:
            sys.stderr.write(_PATIENCE)
        except (OSError, RuntimeError):
            return  # the terminal is gone, or was being written to this very moment


@contextmanager
def handled() -> Iterator[None]:
    """In the block the first signal raises KeyboardInterrupt, later ones only ask for patience."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = _Handler()
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number, old in before.items():
        if old is not signal.SIG_IGN:  # nohup, or a shell's background job: it stays so
            signal.signal(number, handler)
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
