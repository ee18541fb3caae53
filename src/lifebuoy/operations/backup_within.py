"""A backup point made on the way into rescue mode: after the stop, before anything boots.

The instance carries the mark of a stay then, and in it the definition to come back to. Both that
and the definition itself get the overlays in one call, so that every way back leads to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from lifebuoy.backup import definition, turns
from lifebuoy.backup.book import Change, Content, File, Point, PointKind
from lifebuoy.errors import CannotBackUp
from lifebuoy.hypervisor import Domain, Host, Progress
from lifebuoy.operations.backup_create import CreateRequest
from lifebuoy.operations.backup_making import (
    Making,
    require_quota,
    require_steady,
    room_for_overlays,
)
from lifebuoy.operations.backup_site import Site
from lifebuoy.rescue import definition as rescue
from lifebuoy.rescue import record

_NAME: Final = "before rescue mode"


def require_possible(host: Host, domain: Domain) -> None:
    """Pass if the instance can get a point as soon as it is stopped.

    Raises:
        CannotBackUp, BackupsDrifted, NoSpace, QuotaExceeded: with the reason.
    """
    require_steady(domain)
    site = Site(host, domain)
    book = site.book()
    if book.pending is not None:
        raise CannotBackUp(
            f"something was cut off in the backup points of '{domain.name}'",
            hint=f"lifebuoy backup tidy {domain.name}",
        )
    files = site.layer_now(book)
    site.require_room(room_for_overlays(files.values()))
    require_quota(site, book, CreateRequest(), 0)


class PointWithin:
    """The point of one entering; whatever of it is done already is not done again."""

    def __init__(self, host: Host, domain: Domain, progress: Progress, id: str, time: str) -> None:
        self._host = host
        self._domain = domain
        self._site = Site(host, domain)
        self._making = Making(self._site, CreateRequest(_NAME), progress, id, time)
        self._id = id

    def make(self) -> str:
        """Freeze the disks; says under which id."""
        making = self._making
        making.note(PointKind.FROZEN, self._planned)
        making.keep_nvram()
        change = making.change()
        if change is not None:
            files = change.goal.layer(change.goal.active).files
            if not definition.matches(self._domain.xml(), files):
                self._site.make_overlays(self._site.book(), change)
                self._switch(files)
        making.finish()
        return f"backup point {self._id}"

    def settle(self) -> None:
        """Finish it or take it back, after one that was cut off; a point that is made stays."""
        self._site.settled()

    def _planned(self, content: Content, point: Point, files: Mapping[str, File]) -> Change:
        stay = record.read(self._domain)
        if stay is not None:
            point = replace(point, definition=stay.original)
        return turns.frozen(content, point, files, point.id)

    def _switch(self, files: Mapping[str, File]) -> None:
        now = self._domain.xml(secure=True)
        own = definition.switched(rescue.without_stay(now), files)
        stay = rescue.stay_of(now)
        if stay is not None:
            own = rescue.with_stay(own, replace(stay, original=rescue.original_of(own)))
        self._host.define(own)
