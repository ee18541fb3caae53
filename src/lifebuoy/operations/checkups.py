"""Self-checks in a process that lives on: begun for whoever asks, the latest of each instance kept.

They are kept in memory alone: what a rescue system says is not trusted, may be large, and holds
what the disks say. A process that ends has none any more, and one is made again in seconds.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

import structlog

from lifebuoy.doctor.calling import EXAMINE_S
from lifebuoy.doctor.report import Report
from lifebuoy.errors import Busy, LifebuoyError
from lifebuoy.interruption import BackgroundThread
from lifebuoy.model import Action
from lifebuoy.operations import history
from lifebuoy.operations.context import Context
from lifebuoy.operations.daemon import daemon_of
from lifebuoy.operations.failures import unexpected
from lifebuoy.operations.operation import Operation
from lifebuoy.operations.repair import REPAIR, UNDO, Repairing, examine
from lifebuoy.operations.status import require_allowed
from lifebuoy.rescue import record as stays
from lifebuoy.store import Database
from lifebuoy.store.records import Record
from lifebuoy.store.times import stamp

_log = structlog.get_logger(__name__)

#: Each holds a thread here, and a doctor in a rescue system.
MOST_AT_A_TIME: Final = 8
#: Of all reports that are kept, as JSON; the oldest go.
MOST_BYTES: Final = 32 << 20
_CHANGES: Final = frozenset({REPAIR.name, UNDO.name})
_LOOKED_AT: Final = 20


@dataclass(frozen=True, slots=True)
class Checkup:
    """The latest self-check of an instance. Times are ISO 8601, UTC, empty where there is none.

    ``report`` was made at ``made``, in the stay ``session``; None before the first. ``repair`` is
    the id of the operation at whose end it was made, else empty. ``began`` is when the one under
    way was begun. ``error`` is why the last one came to nothing. ``encrypted``: a passphrase was
    given for it, and is needed again for whatever is to be seen or done next.
    """

    session: str
    report: Report | None = None
    made: str = ""
    repair: str = ""
    began: str = ""
    error: LifebuoyError | None = None
    encrypted: bool = False


Key = tuple[str, str]


class Shelf:
    """Checkups by daemon and UUID, within a limit of bytes: the oldest go, but for those under way.

    Not for several threads at once.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._kept: OrderedDict[Key, Checkup] = OrderedDict()
        self._sizes: dict[Key, int] = {}
        self._most_bytes = most_bytes

    def get(self, key: Key) -> Checkup | None:
        """The latest; None where there is none any more."""
        return self._kept.get(key)

    @property
    def under_way(self) -> int:
        """How many are being made."""
        return sum(bool(one.began) for one in self._kept.values())

    def put(self, key: Key, made: Checkup) -> None:
        """Keep it instead of the one before."""
        before = self._kept.get(key)
        if before is None or before.report is not made.report:
            self._sizes[key] = len(made.report.model_dump_json()) if made.report else 0
        self._kept[key] = made
        self._kept.move_to_end(key)
        for other, one in list(self._kept.items()):
            if sum(self._sizes.values()) <= self._most_bytes or other == key:
                break
            if not one.began:
                del self._kept[other], self._sizes[other]


class Checkups:
    """The latest of each instance. From any thread."""

    def __init__(self, most_at_a_time: int = MOST_AT_A_TIME) -> None:
        self._lock = threading.Lock()
        self._shelf = Shelf()
        self._looking: set[Key] = set()
        self._most_at_a_time = most_at_a_time

    def latest(self, context: Context, uuid: str) -> Checkup | None:
        """The one of the stay that the instance is in; None where there is none."""
        session = _session(context, uuid)
        with self._lock:
            found = self._shelf.get((daemon_of(context.host), uuid))
        return found if found is not None and found.session == session else None

    def begin(
        self, context: Context, uuid: str, seconds: float = EXAMINE_S, passphrase: bytes = b""
    ) -> Checkup:
        """Begin one, which may take ``seconds``; one that is under way is not begun again.

        Raises:
            NotAllowed: the instance is not in rescue mode.
            Busy: too many are under way.
        """
        require_allowed(context.host, uuid, Action.CHECK)
        key, session = (daemon_of(context.host), uuid), _session(context, uuid)
        with self._lock:
            before = self._shelf.get(key)
            if before is not None and before.began and before.session == session:
                return before
            self._require_room()
            if before is None or before.session != session:
                before = Checkup(session)
            made = replace(before, began=_now(), error=None)
            self._shelf.put(key, made)
        work = (context, key, session, seconds, passphrase)
        BackgroundThread(self._look, *work, name="self-check").start()
        return made

    @contextmanager
    def looking(self, context: Context, uuid: str) -> Iterator[None]:
        """Room for another look in the block, which whoever asks waits for: one an instance.

        A rescue system may take all the time that it is given, so that a few of them could keep
        every thread of a server waiting.

        Raises:
            Busy: too many are under way.
        """
        key = (daemon_of(context.host), uuid)
        with self._lock:
            if key in self._looking:
                raise Busy("the doctor looks at its disks already", hint="wait until it is done")
            self._require_room()
            self._looking.add(key)
        try:
            yield
        finally:
            with self._lock:
                self._looking.discard(key)

    def _require_room(self) -> None:
        if self._shelf.under_way + len(self._looking) >= self._most_at_a_time:
            raise Busy(
                f"the doctor looks at the disks of {self._most_at_a_time} instances already",
                hint="try again when one of them is done",
            )

    def reached(self, record: Record, operation: Operation) -> None:
        """Keep what a repair saw when it looked again; for the engine."""
        if not isinstance(operation, Repairing) or (report := operation.report) is None:
            return
        try:
            session = operation.session
        except LifebuoyError:
            return  # the host is out of reach; what was seen before counts as old
        key = (record.daemon, record.instance)
        with self._lock:
            before = self._shelf.get(key)
            began = before.began if before else ""
            encrypted = bool(record.request.get("encrypted"))
            made = Checkup(session, report, _now(), record.id, began, encrypted=encrypted)
            self._shelf.put(key, made)

    def _look(
        self,
        context: Context,
        key: Key,
        session: str,
        seconds: float,
        passphrase: bytes,
    ) -> None:
        """In a thread of its own."""
        try:
            report = examine(context, key[1], seconds, passphrase)
            found = Checkup(session, report, _now(), encrypted=bool(passphrase))
        except LifebuoyError as error:
            found = Checkup(session, error=error)
        except Exception as error:
            _log.error("self_check_broke", instance=key[1], exc_info=True)
            found = Checkup(session, error=unexpected(error))
        with self._lock:
            before = self._shelf.get(key)
            if before is None or before.session != session:
                return  # that stay is over
            if found.report is None:
                found = replace(before, began="", error=found.error)
            self._shelf.put(key, found)


def is_outdated(database: Database, context: Context, uuid: str, found: Checkup) -> bool:
    """Whether the disks were mended, or that was taken back, after the report was made."""
    if found.report is None:
        return False
    recent = history.latest(
        database,
        limit=_LOOKED_AT,
        instance=None,
        instances={(daemon_of(context.host), uuid)},
    )
    changes = (one for one in recent if one.kind in _CHANGES and one.id != found.repair)
    return any(one.started and one.finished > found.made for one in changes)


def _session(context: Context, uuid: str) -> str:
    stay = stays.read(context.host.domain(uuid))
    return stay.session if stay else ""


def _now() -> str:
    return stamp(datetime.now(UTC))
