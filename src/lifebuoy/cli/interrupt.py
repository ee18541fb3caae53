"""Ctrl-C and SIGTERM: the first one stops what is under way, later ones do not stop its undoing."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PATIENCE: Final = "Please wait: things are being put back as they were.\n"


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt, unless an error or an earlier interrupt is being dealt with.

    What is dealt with is a roll-back or a clean-up, which must not be cut short. No flag is kept:
    an interrupt that got lost (Python drops what is raised in a finalizer) can be given again.
    """
    if sys.exception() is None:
        raise KeyboardInterrupt
    with suppress(OSError, RuntimeError):  # the terminal is gone, or is being written to right now
        sys.stderr.write(_PATIENCE)


@contextmanager
def handled() -> Iterator[None]:
    """In the block a signal raises KeyboardInterrupt; during its handling, it asks for patience."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number, old in before.items():
        if old is not signal.SIG_IGN:  # nohup, or a shell's background job: it stays so
            signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
