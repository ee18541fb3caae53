"""Making a backup point by freezing the disks: new overlays, and one switch of the definition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from lifebuoy.backup import turns
from lifebuoy.backup.book import Change, Content, File, Point, PointKind
from lifebuoy.errors import NotAllowed
from lifebuoy.model import Action, InstanceState
from lifebuoy.operations.backup_making import (
    OVERLAY_BYTES,
    PointOperation,
    check_wanted,
    require_quota,
    require_usable,
    room_for_overlays,
)
from lifebuoy.operations.operation import Kind, Work
from lifebuoy.operations.runner import Step


@dataclass(frozen=True, slots=True)
class CreateRequest:
    """``keep`` is how many points of the instance stay; the oldest beyond go. 0: all."""

    name: str = ""
    keep: int = 0


class Creating(PointOperation):
    """One freezing under way."""

    def __init__(self, work: Work) -> None:
        super().__init__(work, CreateRequest(**work.request))

    def begin(self) -> None:
        """All refusals, and the point's id and time."""
        check_wanted(self._wanted)
        state = require_usable(self._domain, Action.BACKUP_CREATE)
        if state is InstanceState.RUNNING:
            raise NotAllowed(
                f"'{self._domain.name}' is running: its disks cannot be frozen now",
                hint="shut it down first, or copy them while it runs: --copy",
            )
        book = self._site.book()
        if book.pending is None:
            files = self._site.layer_now(book)
            self._site.require_room(room_for_overlays(files.values()))
            require_quota(self._site, book, self._wanted, OVERLAY_BYTES * len(files))
        self.state = self._new_point()

    def steps(self) -> list[Step]:
        """In order; the switch of the definition is the one moment that counts."""
        making = self._making
        return [
            Step("note the backup point", self._note, making.take_back),
            Step("copy the UEFI variables", making.keep_nvram),
            Step("make overlays for the disks", self._make_overlays),
            Step("switch the definition", self._switch, self._switch_back),
            Step("finish the list", making.finish),
            *self._thinning(),
        ]

    def _note(self) -> str:
        return self._making.note(PointKind.FROZEN, self._planned)

    def _planned(self, content: Content, point: Point, files: Mapping[str, File]) -> Change:
        return turns.frozen(content, point, files, point.id)

    def _make_overlays(self) -> None:
        change = self._making.change()
        if change is not None:
            self._site.make_overlays(self._site.book(), change)

    def _switch(self) -> None:
        change = self._making.change()
        if change is not None:
            self._site.switch(change.goal)

    def _switch_back(self) -> None:
        change = self._making.pending(self._site.book())
        if change is not None:
            below = change.goal.layer(change.layer).parent
            self._site.switch(replace(change.goal, active=below))


CREATE: Final = Kind("backup-create", 1, "make a backup point", Creating)
