"""Verifications of backup points in a process that lives on: begun for whoever asks, as reading
whole copies takes its time, the latest of each point kept in memory.

They change nothing and lock nothing, so they are no operations on record. A process that ends has
none any more, and one is made again.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

import structlog

from lifebuoy.errors import Busy, LifebuoyError
from lifebuoy.hypervisor import Host
from lifebuoy.interruption import BackgroundThread
from lifebuoy.operations.backup_verify import Verification, verify
from lifebuoy.operations.daemon import daemon_of
from lifebuoy.operations.failures import unexpected
from lifebuoy.store.times import stamp

_log = structlog.get_logger(__name__)

#: Each reads as fast as it can.
MOST_AT_A_TIME: Final = 2
_MOST_KEPT: Final = 500


@dataclass(frozen=True, slots=True)
class Verifying:
    """The latest verification of a point. Times are ISO 8601, UTC, empty where there is none.

    ``found`` was found at ``made``; None before the first. ``began`` is when the one under way was
    begun, which has read so many bytes of the file that it is at. ``error`` is why the last one
    came to nothing.
    """

    found: Verification | None = None
    made: str = ""
    began: str = ""
    done_bytes: int = 0
    total_bytes: int = 0
    error: LifebuoyError | None = None


_Key = tuple[str, str]


class Verifications:
    """The latest of each point, by daemon and id. From any thread."""

    def __init__(self, most_at_a_time: int = MOST_AT_A_TIME) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[_Key, Verifying] = OrderedDict()
        self._most_at_a_time = most_at_a_time

    def latest(self, host: Host, id: str) -> Verifying:
        """That of the point of that whole id; an empty one where there is none."""
        with self._lock:
            return self._kept.get((daemon_of(host), id), Verifying())

    def begin(self, host: Host, id: str) -> Verifying:
        """Begin one of the point of that whole id; one that is under way is not begun again.

        Raises:
            Busy: too many are under way.
        """
        key = (daemon_of(host), id)
        with self._lock:
            before = self._kept.get(key, Verifying())
            if before.began:
                return before
            if sum(bool(one.began) for one in self._kept.values()) >= self._most_at_a_time:
                raise Busy(
                    f"{self._most_at_a_time} backup points are being verified already",
                    hint="try again when one of them is done",
                )
            made = replace(before, began=_now(), done_bytes=0, total_bytes=0, error=None)
            self._put(key, made)
        BackgroundThread(self._verify, host, key, name="verification").start()
        return made

    def _verify(self, host: Host, key: _Key) -> None:
        """In a thread of its own."""

        def progress(done: int, total: int) -> None:
            with self._lock:
                self._kept[key] = replace(self._kept[key], done_bytes=done, total_bytes=total)

        ended = Verifying()
        try:
            ended = Verifying(verify(host, key[1], progress), _now())
        except LifebuoyError as error:
            ended = Verifying(error=error)
        except Exception as error:
            _log.error("verification_broke", point=key[1], exc_info=True)
            ended = Verifying(error=unexpected(error))
        with self._lock:
            before = self._kept[key]
            if ended.error is not None:
                ended = replace(ended, found=before.found, made=before.made)
            self._put(key, ended)

    def _put(self, key: _Key, made: Verifying) -> None:
        """Keep it; the oldest go, but for those under way."""
        self._kept[key] = made
        self._kept.move_to_end(key)
        for other, one in list(self._kept.items())[:-_MOST_KEPT]:
            if not one.began:
                del self._kept[other]


def _now() -> str:
    return stamp(datetime.now(UTC))
