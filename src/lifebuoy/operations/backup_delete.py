"""Deleting backup points: off the list, then merging what they alone have kept apart."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Final

from lifebuoy.backup import settling, tidy, turns
from lifebuoy.backup.book import Book, ChangeKind, Content
from lifebuoy.errors import ConsentNeeded, PointNotFound
from lifebuoy.model import Action
from lifebuoy.operations import backup_merge
from lifebuoy.operations.backup_making import require_usable
from lifebuoy.operations.backup_site import Site
from lifebuoy.operations.operation import JsonObject, Kind, Work
from lifebuoy.operations.runner import Step

_ONWARD: Final = (
    "The point is off the list and the instance's disks read as before. Merging goes on with the "
    "next call, or: lifebuoy backup tidy"
)


@dataclass(frozen=True, slots=True)
class DeleteRequest:
    """``points`` are full ids; none: only go on with what is left to be merged. ``later``: what
    cannot be merged while the instance runs stays for when it is stopped."""

    points: tuple[str, ...] = ()
    later: bool = False


@dataclass(frozen=True, slots=True)
class PlannedMerge:
    """One thing that deleting does: ``bytes`` are those that are written, at most."""

    kind: ChangeKind
    files: tuple[str, ...]
    into: tuple[str, ...]
    bytes: int
    stopped_only: bool


@dataclass(frozen=True, slots=True)
class Deletion:
    """What deleting would do. ``loses_undo``: the last restore could not be undone any more."""

    merges: tuple[PlannedMerge, ...]
    loses_undo: bool
    definition_as_before: bool


def planned(site: Site, book: Book, points: tuple[str, ...]) -> Deletion:
    """What deleting these points would do; nothing is touched."""
    content = _content(book)
    left = turns.forgotten(content, *points)
    found: list[PlannedMerge] = []
    at = left
    for change in tidy.steps(left):
        pairs = tidy.written(at, change)
        found.append(
            PlannedMerge(
                change.kind,
                tuple(file.path for file in tidy.freed(at, change)),
                tuple(target.path for _, target in pairs),
                sum(_allocated(site, source.path) for source, _ in pairs),
                backup_merge.needs_stop(at, change),
            )
        )
        at = change.goal
    return Deletion(
        tuple(found),
        content.undo is not None and left.undo is None,
        tidy.is_plain(at),
    )


class Deleting:
    """One deleting under way."""

    def __init__(self, work: Work) -> None:
        self._domain = work.context.host.domain(work.instance)
        self._site = Site(work.context.host, self._domain)
        self._request = DeleteRequest(tuple(work.request["points"]), bool(work.request["later"]))
        self._progress = work.progress
        self.state: JsonObject = {}

    def begin(self) -> None:
        """All refusals."""
        require_usable(self._domain, Action.BACKUP_DELETE)
        self.state = {}
        book = self._site.book()
        if book.content is None and not self._request.points:
            return  # whoever was cut off was finished meanwhile
        content = _content(book)
        for id in self._request.points:
            if id not in {point.id for point in content.points}:
                raise PointNotFound(f"'{self._domain.name}' has no backup point '{id}'")
        if book.pending is None:
            settling.require_known(book, self._domain.xml())
            self._require_possible(content)

    def steps(self) -> list[Step]:
        """In order; once the point is off the list it only goes on."""
        steps = []
        if self._request.points:
            steps.append(Step("take it off the list", self._forget))
        return [*steps, Step("merge and clean up", self._merge, onward=_ONWARD)]

    def result(self) -> JsonObject:
        """The points that are gone."""
        return {"points": list(self._request.points), "left": self.state.get("left", 0)}

    def close(self) -> None:
        """Nothing is held open."""

    def _require_possible(self, content: Content) -> None:
        """Room for every merge, and no consent missing; before anything is touched."""
        at = turns.forgotten(content, *self._request.points)
        room: dict[str, int] = {}
        for change in tidy.steps(at):
            if backup_merge.needs_stop(at, change) and self._domain.active:
                if self._request.later:
                    break
                raise ConsentNeeded(
                    f"'{self._domain.name}' is running, and a file that it reads can be merged "
                    "only while it is stopped",
                    hint="stop it first; or delete now and merge then: --later",
                )
            for source, target in tidy.written(at, change):
                folder = str(PurePosixPath(target.path).parent)
                size = _allocated(self._site, source.path)
                room[folder] = max(room.get(folder, 0), size)
            at = change.goal
        self._site.require_room(room)

    def _forget(self) -> str:
        book = self._site.settled()
        if book.pending is not None:
            backup_merge.tidy_up(self._site, self._progress)
            book = self._site.book()
        content = book.content
        if content is None:
            return "done before"
        there = {point.id for point in content.points}
        gone = tuple(id for id in self._request.points if id in there)
        left = turns.forgotten(content, *gone)
        self._site.write(replace(book, content=left, leaving=(*book.leaving, *gone)))
        return ""

    def _merge(self) -> str:
        self._site.settled()
        done = backup_merge.tidy_up(self._site, self._progress, later=self._request.later)
        book = self._site.book()
        left = len(tidy.steps(book.content)) if book.content else 0
        self.state["left"] = left
        words = f"{done} done" if done else "nothing to do"
        return words + (f", {left} when the instance is stopped" if left else "")


def _allocated(site: Site, path: str) -> int:
    seen = site.files.look(path)
    return seen.allocated_bytes if seen else 0


def _content(book: Book) -> Content:
    if book.content is None:
        raise PointNotFound(f"'{book.name}' has no backup points")
    return book.content


DELETE: Final = Kind("backup-delete", 1, "delete a backup point", Deleting)
TIDY: Final = Kind("backup-tidy", 1, "merge what backup points have left", Deleting)
