"""Asked within every wait: shall this stop? A wait that never asks cannot be cancelled.

Whoever runs an operation installs the check for its thread; code that waits calls ``checkpoint``
or ``sleep``. Outside an operation both do nothing but wait. No I/O of its own.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType
from typing import Final

_SLICE_S: Final = 0.2
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class CancelRequested(BaseException):
    """Somebody asked for the operation to be rolled back; raised inside its steps.

    No Exception, as it must pass by whoever handles those, just like KeyboardInterrupt.
    """


def never() -> None:
    """The check of what nobody can stop."""


_check: ContextVar[Callable[[], None]] = ContextVar("lifebuoy_interruption", default=never)


@contextmanager
def checked_by(check: Callable[[], None]) -> Iterator[None]:
    """In the block, ``check`` is called within waits; it raises CancelRequested to end them."""
    token = _check.set(check)
    try:
        yield
    finally:
        _check.reset(token)


def checkpoint() -> None:
    """Raise CancelRequested if this is to stop."""
    _check.get()()


@contextmanager
def deferred() -> Iterator[None]:
    """In the block Ctrl-C and the like strike only at its end; for what must be whole or not be."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        came.append(number)

    before = {
        number: signal.signal(number, note)
        for number in _SIGNALS
        if callable(signal.getsignal(number))
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])


class BackgroundThread(threading.Thread):
    """A daemon thread that is never given Ctrl-C and the like; what it starts is, if it unblocks.

    The kernel hands a signal of the process to any thread that does not block it. Python handles
    it in the main thread alone, which then goes on waiting: nobody woke it
    (https://docs.python.org/3/library/signal.html#signals-and-threads).
    """

    def __init__(self, target: Callable[..., object], *args: object, name: str) -> None:
        super().__init__(target=target, args=args, name=name, daemon=True)

    def start(self) -> None:
        """Start with the signals blocked; a thread inherits its starter's mask."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            super().start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def sleep(seconds: float) -> None:
    """Wait, with checkpoints on the way."""
    deadline = time.monotonic() + seconds
    while True:
        checkpoint()
        left = deadline - time.monotonic()
        if left <= 0:
            return
        time.sleep(min(_SLICE_S, left))
