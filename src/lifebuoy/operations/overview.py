"""What a server remembers of all its hosts' instances, so that a list asks no host.

A host that does not answer is told of, and its instances are not in the list; nobody waits for one
that is known not to answer.
"""

from __future__ import annotations

import threading
import time
from typing import Final

from lifebuoy.errors import LifebuoyError
from lifebuoy.hosts.fleet import Answer
from lifebuoy.hosts.place import Place
from lifebuoy.hypervisor import Host
from lifebuoy.operations.inventory import EVERYTHING_S, Inventory, Seen
from lifebuoy.operations.listing import Listed, Page, Query, Table, page, rows
from lifebuoy.operations.reach import Reach
from lifebuoy.operations.status import InstanceSummary

_END_S: Final = 2.0

#: Instances by daemon and UUID; None: all.
Instances = frozenset[tuple[str, str]] | None


class Overview:
    """Of the hosts that ``reach`` gives. ``patience_s`` is how long each may be silent,
    ``everything_s`` how often all instances are looked at. From any thread."""

    def __init__(self, reach: Reach, patience_s: float, everything_s: float = EVERYTHING_S) -> None:
        self._reach = reach
        self._everything_s = everything_s
        self._patience_s = patience_s
        self._turn = threading.Lock()
        self._places: tuple[Place, ...] = ()
        self._inventories: dict[Place, Inventory] = {}
        self._table: tuple[tuple[Seen, ...], Table] | None = None

    def start(self) -> None:
        """Begin to follow the hosts; comes back at once."""
        self._followed()

    def stop(self) -> None:
        """Follow them no more; one that hangs is not waited for beyond a moment."""
        with self._turn:
            stopping, self._inventories, self._places = list(self._inventories.values()), {}, ()
        for one in stopping:
            one.stop()
        deadline = time.monotonic() + _END_S
        for one in stopping:
            one.join(max(0.0, deadline - time.monotonic()))

    def mark(self, host: Host, uuid: str) -> None:
        """Something was done to that instance: the next list shows how it is then; at once."""
        for place, inventory in list(self._inventories.items()):
            if place.name == host.given_name:
                inventory.mark(uuid)

    def require_answering(self, host: str) -> None:
        """Pass unless it is known that the host of that name cannot be worked with now; at once.

        Raises:
            HostSilent, CannotConnect: so it is, and whoever asked it would only wait.
        """
        for place, inventory in list(self._inventories.items()):
            if place.name == host and (error := inventory.trouble()) is not None:
                raise error

    def listed(self, sees: Instances) -> list[Listed[InstanceSummary]]:
        """What there is on each host, of the instances that are seen."""
        return [_listed(place, found, sees) for place, found in self._now()]

    def page(self, query: Query, sees: Instances) -> tuple[Page, list[Listed[InstanceSummary]]]:
        """A page of them all, and what became of asking each host.

        Raises:
            BadInput: the cursor is none, or of another order; or the limit is none.
        """
        now = self._now()
        listed = [_listed(place, found, sees) for place, found in now]
        if sees is not None:
            return page(rows(listed), query), listed
        seen = tuple(found for _, found in now if isinstance(found, Seen))
        before = self._table
        if before is None or before[0] != seen:
            before = self._table = (seen, Table(rows(listed)))
        return before[1].page(query), listed

    def _now(self) -> list[tuple[Place, Seen | LifebuoyError]]:
        """Each host in its order; all have the same time to answer."""
        deadline = time.monotonic() + self._patience_s
        inventories = self._followed()
        for one in inventories:
            one.hurry()
        return [(one.place, one.now(deadline)) for one in inventories]

    def _followed(self) -> list[Inventory]:
        """The inventories of the hosts that there are now."""
        places = self._reach.places
        with self._turn:
            if places != self._places:
                for place in self._inventories.keys() - set(places):
                    self._inventories.pop(place).stop()
                for place in places:
                    if place not in self._inventories:
                        self._inventories[place] = self._inventory(place)
                        self._inventories[place].start()
                self._places = places
            return [self._inventories[place] for place in places]

    def _inventory(self, place: Place) -> Inventory:
        def connect() -> Answer[Host]:
            (answer,) = self._reach.ask(lambda host: host, [place.name])
            return answer

        return Inventory(place, connect, self._patience_s, self._everything_s)


def _listed(place: Place, found: Seen | LifebuoyError, sees: Instances) -> Listed[InstanceSummary]:
    if not isinstance(found, Seen):
        return Listed(place.name, place.uri, (), found, 0.0)
    return Listed(place.name, place.uri, _visible(found, sees), None, 0.0)


def _visible(found: Seen, sees: Instances) -> tuple[InstanceSummary, ...]:
    if sees is None:
        return found.summaries
    there = (found.instances.get(uuid) for daemon, uuid in sees if daemon == found.daemon)
    return tuple(one for one in there if one)
