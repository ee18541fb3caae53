"""Making a backup point: the checks, and the steps with their undo."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import PurePosixPath
from typing import Final

from lifebuoy.backup import shelf, turns
from lifebuoy.backup.book import Book, Change, Content, File, Point, PointKind
from lifebuoy.errors import BadInput, CannotBackUp, NotAllowed
from lifebuoy.hypervisor import Domain
from lifebuoy.model import Action, InstanceState
from lifebuoy.operations import backup_merge
from lifebuoy.operations.backup_site import Site, gone
from lifebuoy.operations.context import Context
from lifebuoy.operations.operation import JsonObject, Kind, Work
from lifebuoy.operations.runner import Step
from lifebuoy.policy import require
from lifebuoy.rescue import record

_OVERLAY_BYTES: Final = 1 << 20  # each, at first
_MARGIN_BYTES: Final = 16 << 20
_NAME_MAX: Final = 80
_MADE: Final = "The backup point was made; merging is gone on with by the next call."


@dataclass(frozen=True, slots=True)
class CreateRequest:
    """``keep`` is how many points of the instance stay; the oldest beyond go. 0: all."""

    name: str = ""
    keep: int = 0


def check_input(request: CreateRequest) -> None:
    """Refuse what is wrong with the request itself.

    Raises:
        BadInput: a name that cannot be shown on a line, a negative number.
    """
    if len(request.name) > _NAME_MAX or not request.name.isprintable():
        raise BadInput(f"a point's name is one line of at most {_NAME_MAX} characters")
    if request.keep < 0:
        raise BadInput("the number of points to keep must not be negative")


def require_usable(domain: Domain, action: Action) -> InstanceState:
    """The instance's state, if backup points can be worked on in it.

    Raises:
        NotAllowed, CannotBackUp, Refused: not as it is.
    """
    state = record.state_of(domain, record.read(domain))
    require(action, state, domain.name)
    if not domain.persistent:
        raise CannotBackUp(
            f"'{domain.name}' is transient: it has no definition that could be switched",
            hint="make it persistent: virsh define with its dumpxml",
        )
    if domain.has_managed_save:
        raise CannotBackUp(
            f"'{domain.name}' was saved (managed save): its memory does not fit to disks that "
            "are switched",
            hint="start it and shut it down first",
        )
    if domain.snapshot_count:
        raise CannotBackUp(
            f"'{domain.name}' has snapshots of libvirt's own; reverting to one would bypass "
            "backup points",
            hint=f"virsh snapshot-list {domain.name}; delete them first",
        )
    return state


class Creating:
    """One creating under way."""

    def __init__(self, work: Work) -> None:
        self._context: Context = work.context
        self._domain = work.context.host.domain(work.instance)
        self._site = Site(work.context.host, self._domain)
        self._request = CreateRequest(**work.request)
        self._progress = work.progress
        self.state: JsonObject = {}

    def begin(self) -> None:
        """All refusals, and the point's id and time."""
        check_input(self._request)
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
        token = self._context.new_session()[:8]
        self.state = {"id": token, "created": self._context.timestamp()}

    def steps(self) -> list[Step]:
        """In order; the switch of the definition is the one moment that counts."""
        steps = [
            Step("note the backup point", self._note, self._take_back),
            Step("copy the UEFI variables", self._keep_nvram),
            Step("make overlays for the disks", self._make_overlays),
            Step("switch the definition", self._switch, self._switch_back),
            Step("finish the list", self._finish),
        ]
        if self._request.keep:
            steps.append(Step("remove the oldest points", self._thin_out, onward=_MADE))
        return steps

    def result(self) -> JsonObject:
        """The new point's id."""
        return {"id": self.state["id"], "created": self.state["created"]}

    def close(self) -> None:
        """Nothing is held open."""

    @property
    def _id(self) -> str:
        return str(self.state["id"])

    def _note(self) -> str:
        book = self._site.settled()
        if self._is_made(book) or self._mine(book) is not None:
            return "noted before"
        if book.pending is not None:
            backup_merge.tidy_up(self._site, self._progress)
            book = self._site.book()
        files = self._site.layer_now(book)
        content = book.content or turns.begun(files)
        point = Point(
            id=self._id,
            name=self._request.name,
            created=str(self.state["created"]),
            kind=PointKind.FROZEN,
            layer="",
            nvram=shelf.nvram_name(book.uuid, self._id) if self._site.has_nvram() else "",
            definition=self._domain.xml(),
        )
        change = turns.frozen(content, point, files, self._id)
        self._site.begin(book, change)
        return f"{len(files)} disk" + ("s" if len(files) > 1 else "")

    def _keep_nvram(self) -> str:
        change = self._change()
        if change is None:
            return "done before"
        name = _point(change.goal, self._id).nvram
        if not name:
            return "none"
        self._site.keep_nvram(name)
        return "copied"

    def _make_overlays(self) -> None:
        change = self._change()
        if change is not None:
            self._site.make_overlays(self._site.book(), change)

    def _switch(self) -> None:
        change = self._change()
        if change is not None:
            self._site.switch(change.goal)

    def _switch_back(self) -> None:
        book = self._site.book()
        change = self._mine(book)
        if change is not None:
            below = change.goal.layer(change.layer).parent
            self._site.switch(replace(change.goal, active=below))

    def _take_back(self) -> None:
        book = self._site.book()
        change = self._mine(book)
        if change is not None:
            self._site.take_back(book, change)

    def _finish(self) -> None:
        change = self._change()
        if change is not None:
            self._site.end(self._site.book(), change)

    def _thin_out(self) -> str:
        book = self._site.book()
        if book.pending is not None:
            backup_merge.tidy_up(self._site, self._progress)
            book = self._site.book()
        if book.content is None:
            return "none"
        old = [point.id for point in book.content.points[: -self._request.keep]]
        if old:
            self._site.write(replace(book, content=turns.forgotten(book.content, *old)))
        backup_merge.tidy_up(self._site, self._progress)
        return f"{len(old)} removed" if old else "none"

    def _change(self) -> Change | None:
        """What is under way; None if it is finished already.

        Raises:
            Refused: somebody took it back.
        """
        book = self._site.book()
        change = self._mine(book)
        if change is None and not self._is_made(book):
            raise gone()
        return change

    def _mine(self, book: Book) -> Change | None:
        change = book.pending
        if change is None or not _has(change.goal, self._id):
            return None
        return None if self._is_made(book) else change

    def _is_made(self, book: Book) -> bool:
        return book.content is not None and _has(book.content, self._id)


def _has(content: Content, id: str) -> bool:
    return any(point.id == id for point in content.points)


def _point(content: Content, id: str) -> Point:
    return next(point for point in content.points if point.id == id)


def room_for_overlays(files: Iterable[File]) -> dict[str, int]:
    """What new overlays need at first, by folder."""
    needed: dict[str, int] = {}
    for file in files:
        folder = str(PurePosixPath(file.path).parent)
        needed[folder] = needed.get(folder, _MARGIN_BYTES) + _OVERLAY_BYTES
    return needed


def _make(work: Work) -> Creating:
    return Creating(work)


CREATE: Final = Kind("backup-create", 1, "make a backup point", _make)


def as_json(request: CreateRequest) -> JsonObject:
    """The request as an operation carries it."""
    return asdict(request)
