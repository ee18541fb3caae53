"""Notices that a long work of libvirt's moves no more. Not a deadline: it may take hours."""

from __future__ import annotations

import time
from typing import Final

from lifebuoy.errors import TimedOut

STALL_S: Final = 300.0


class Stall:
    """Told again and again how far the work is; ``what`` is doing it, ``safe`` is for the error."""

    def __init__(self, what: str, *, safe: str) -> None:
        self._what = what
        self._safe = safe
        self._moved, self._last = time.monotonic(), -1

    def at(self, done: int) -> None:
        """It is so far now.

        Raises:
            TimedOut: it was as far some minutes ago.
        """
        if done != self._last:
            self._moved, self._last = time.monotonic(), done
        elif time.monotonic() - self._moved > STALL_S:
            raise TimedOut(f"{self._what} makes no progress", safe=self._safe)
