"""The instances of one host as a list shows them: read once, and kept true by libvirt's events.

One thread reads, so what it has read last is what was true last. Whoever lists waits until all
is read anew of which something was heard until then; so a list is never older than what its caller
knows already. What libvirt tells no events of (autostart, the most memory) is seen by a look at
everything now and then.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog

from lifebuoy.errors import LifebuoyError
from lifebuoy.hosts.fleet import Answer
from lifebuoy.hosts.line import silent
from lifebuoy.hosts.place import Place
from lifebuoy.hypervisor import Host
from lifebuoy.interruption import BackgroundThread
from lifebuoy.operations.daemon import daemon_of
from lifebuoy.operations.failures import unexpected
from lifebuoy.operations.status import InstanceSummary, at_a_glance
from lifebuoy.rescue.stay import NAMESPACE

_log = structlog.get_logger(__name__)

#: What was heard is read so often, where nobody waits for it; and so often a host is tried again.
_PACE_S: Final = 1.0
_AGAIN_S: Final = 2.0
#: Nothing else tells that a host hangs: so often it is asked for a word where nothing is read.
_WORD_S: Final = 5.0
#: Everything is looked at so often, and never for more than one part in so many of the time.
EVERYTHING_S: Final = 60.0
_SHARE: Final = 50
#: More marks than this are as good as all.
_MARKS_MAX: Final = 20_000
_PART: Final = 128

#: Asks for the connected host, with a deadline.
Connect = Callable[[], Answer[Host]]


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """All instances of a host at one moment, and which libvirt that is (``daemon_of``)."""

    daemon: str
    instances: dict[str, InstanceSummary]

    @property
    def summaries(self) -> tuple[InstanceSummary, ...]:
        """The instances alone."""
        return tuple(self.instances.values())


class Inventory:
    """Of the host at ``place``. ``patience_s`` is how long it may be silent, ``everything_s`` how
    often everything is looked at."""

    def __init__(
        self,
        place: Place,
        connect: Connect,
        patience_s: float,
        everything_s: float = EVERYTHING_S,
    ) -> None:
        self.place = place
        self._everything_s = everything_s
        self._connect = connect
        self._patience_s = patience_s
        self._changed = threading.Condition()
        self._host: Host | None = None
        self._end_of_events: Callable[[], None] | None = None
        self._daemon = ""
        self._known: dict[str, InstanceSummary] = {}
        self._seen: Seen | None = None
        self._error: LifebuoyError | None = None
        #: of what was heard: how often, until when all is read, and what is not yet
        self._told = 0
        self._read = 0
        self._marked: set[str] = set()
        self._is_whole = False
        self._is_all_marked = False
        self._whole_due = 0.0
        #: since when the host owes an answer; None while it is not asked
        self._asked_since: float | None = None
        self._heard_at = self._lost_at = 0.0
        self._is_waited_for = False
        self._stopping = False
        self._thread = BackgroundThread(self._run, name=f"inventory-{place.name}")

    def start(self) -> None:
        """Begin; comes back at once."""
        self._thread.start()

    def stop(self) -> None:
        """Follow the host no more; it is not waited for."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def join(self, timeout_s: float) -> None:
        """Wait until it has stopped."""
        self._thread.join(timeout_s)

    def mark(self, uuid: str) -> None:
        """Read that instance anew before the next list; from any thread, at once."""
        with self._changed:
            self._told += 1
            self._marked.add(uuid)
            if len(self._marked) > _MARKS_MAX:
                self._mark_everything()

    def hurry(self) -> None:
        """Somebody is about to ask."""
        with self._changed:
            if not self._is_true(self._told):
                self._is_waited_for = True
                self._changed.notify_all()

    def now(self, deadline: float) -> Seen | LifebuoyError:
        """What is true of all that was heard until now, or why it is not known; at the deadline
        (``time.monotonic``) at the latest, and at once where the host is known not to answer."""
        with self._changed:
            if self._end_of_events is None and self._host is not None:
                self._told += 1
                self._mark_everything()  # nothing tells what happens there
            wanted = self._told
            while not self._is_true(wanted):
                if self._error is not None:
                    return self._error
                left = min(deadline, self._patience_ends()) - time.monotonic()
                if left <= 0 or self._stopping:
                    return self._silent()
                self._is_waited_for = True
                self._changed.notify_all()
                self._changed.wait(left)
            if self._seen is None:
                self._seen = Seen(self._daemon, dict(self._known))
            return self._seen

    def trouble(self) -> LifebuoyError | None:
        """Why the host cannot be worked with now, if that is known already; at once."""
        with self._changed:
            if self._patience_ends() <= time.monotonic():
                return self._silent()
            lost = self._host is None or not self._host.alive
            return self._error if lost else None

    def _is_true(self, wanted: int) -> bool:
        if self._error is not None or not self._is_whole or self._read < wanted:
            return False
        alive = self._host is not None and self._host.alive
        return alive and time.monotonic() < self._patience_ends()

    def _silent(self) -> LifebuoyError:
        return silent(self.place, f"has not answered within {self._patience_s:g} s")

    def _patience_ends(self) -> float:
        since = self._asked_since
        return float("inf") if since is None else since + self._patience_s

    def _mark_everything(self) -> None:
        self._marked.clear()
        self._is_all_marked = True

    # The thread

    def _run(self) -> None:
        while not self._stopping:
            try:
                self._turn()
            except LifebuoyError as error:
                if self._is_newly_lost():
                    continue  # perhaps it is back at once
                self._failed(error)
            except Exception as error:
                _log.error("inventory_broke", host=self.place.name, exc_info=True)
                self._failed(unexpected(error))
            self._rest()
        self._listen_no_more()

    def _turn(self) -> None:
        host = self._connected()
        overdue = time.monotonic() >= self._whole_due
        if overdue or self._is_all_marked or not self._is_whole:
            self._read_everything(host)
        elif not self._read_marked(host):
            if time.monotonic() - self._heard_at < _WORD_S:
                return
            self._asked()
            host.ping()
        self._heard_at = time.monotonic()

    def _rest(self) -> None:
        with self._changed:
            self._asked_since = None
            if self._error is None:
                self._changed.wait_for(lambda: self._is_waited_for or self._stopping, _PACE_S)
            else:
                self._changed.wait_for(lambda: self._stopping, _AGAIN_S)
            self._is_waited_for = False

    def _connected(self) -> Host:
        """The host, whose events are listened to before anything is read.

        Raises:
            LifebuoyError: it cannot be reached.
        """
        before = self._host
        if before is not None and before.alive:
            return before
        self._listen_no_more()
        self._host = None
        host = self._connect().required()
        self._asked()
        daemon = daemon_of(host)
        with self._changed:
            self._host, self._daemon, self._is_whole = host, daemon, False
        try:
            self._end_of_events = host.on_change(lambda uuid, _what: self.mark(uuid))
        except LifebuoyError as error:
            _log.info("no_events", host=self.place.name, error=error.message)
        return host

    def _read_everything(self, host: Host) -> None:
        """Look at all; at what was heard of meanwhile also in between, as somebody may wait."""
        began = time.monotonic()
        with self._changed:
            told, self._is_all_marked = self._told, False
            self._marked.clear()
        found: dict[str, InstanceSummary] = {}
        later: set[str] = set()
        self._asked()
        for part in host.glances_in_parts(NAMESPACE):
            found |= {one.uuid: at_a_glance(one) for one in part}
            if self._is_whole:
                later |= self._read_marked(host)
            if self._stopping:
                return
            self._asked()
        took = time.monotonic() - began
        with self._changed:
            known = {uuid: one for uuid, one in found.items() if uuid not in later}
            known |= {uuid: self._known[uuid] for uuid in later if uuid in self._known}
            if known != self._known:
                self._known, self._seen = known, None
            self._read = max(self._read, told)
            self._is_whole, self._error = True, None
            self._whole_due = time.monotonic() + max(self._everything_s, _SHARE * took)
            self._changed.notify_all()

    def _read_marked(self, host: Host) -> set[str]:
        """Look at what something was heard of; which those are."""
        with self._changed:
            if self._is_all_marked or not self._marked:
                return set()
            told, marked, self._marked = self._told, self._marked, set()
        found: dict[str, InstanceSummary] = {}
        uuids = sorted(marked)
        for first in range(0, len(uuids), _PART):
            self._asked()
            part = host.glances_of(uuids[first : first + _PART], NAMESPACE)
            found |= {one.uuid: at_a_glance(one) for one in part}
        with self._changed:
            for uuid in marked - found.keys():
                self._known.pop(uuid, None)
            self._known |= found
            self._read, self._seen = told, None
            self._changed.notify_all()
        return marked

    def _asked(self) -> None:
        with self._changed:
            self._asked_since = time.monotonic()

    def _is_newly_lost(self) -> bool:
        """Whether the connection broke just now, and did not a moment ago, too."""
        if self._host is None or self._host.alive:
            return False
        before, self._lost_at = self._lost_at, time.monotonic()
        return self._lost_at - before >= _AGAIN_S

    def _failed(self, error: LifebuoyError) -> None:
        """Nothing is known until all was read anew."""
        with self._changed:
            self._error, self._is_whole = error, False
            self._known, self._seen = {}, None
            self._changed.notify_all()

    def _listen_no_more(self) -> None:
        end, self._end_of_events = self._end_of_events, None
        if end is not None:
            end()
