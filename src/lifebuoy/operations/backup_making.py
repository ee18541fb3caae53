"""What freezing and copying have in common: a point is noted first, then made, then on the list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Final, Protocol

from lifebuoy.backup import shelf, turns
from lifebuoy.backup.book import Book, Change, Content, File, Point, PointKind
from lifebuoy.errors import BadInput, CannotBackUp, QuotaExceeded
from lifebuoy.hypervisor import Domain, Progress
from lifebuoy.model import Action, InstanceState
from lifebuoy.operations import backup_merge
from lifebuoy.operations.backup_site import Site, gone
from lifebuoy.operations.operation import JsonObject, Work
from lifebuoy.operations.runner import Step
from lifebuoy.policy import require
from lifebuoy.rescue import record

OVERLAY_BYTES: Final = 1 << 20  # each, at first
MARGIN_BYTES: Final = 16 << 20
_MADE: Final = "The backup point was made; merging is gone on with by the next call."
_NAME_MAX: Final = 80


class Wanted(Protocol):
    """What a request for a new point says: ``keep`` is how many points of the instance stay."""

    @property
    def name(self) -> str: ...

    @property
    def keep(self) -> int: ...


def check_wanted(request: Wanted) -> None:
    """Refuse what is wrong with the request itself.

    Raises:
        BadInput: a name that cannot be shown on a line, a negative number.
    """
    if len(request.name) > _NAME_MAX or not (request.name.isprintable()):
        raise BadInput(f"a point's name is one line of at most {_NAME_MAX} characters")
    if request.keep < 0:
        raise BadInput("the number of points to keep must not be negative")


def require_usable(domain: Domain, action: Action) -> InstanceState:
    """The instance's state, if backup points can be worked on in it.

    Raises:
        NotAllowed, CannotBackUp: not as it is.
    """
    state = record.state_of(domain, record.read(domain))
    require(action, state, domain.name)
    require_steady(domain)
    return state


def require_steady(domain: Domain) -> None:
    """Pass if nothing but its definition says what its disks are.

    Raises:
        CannotBackUp: naming what else does.
    """
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


def room_for_overlays(files: Iterable[File]) -> dict[str, int]:
    """What new overlays need at first, by folder."""
    needed: dict[str, int] = {}
    for file in files:
        folder = str(PurePosixPath(file.path).parent)
        needed[folder] = needed.get(folder, MARGIN_BYTES) + OVERLAY_BYTES
    return needed


def has(content: Content | None, id: str) -> bool:
    """Whether there is a point of that id."""
    return content is not None and any(point.id == id for point in content.points)


class Making:
    """A point on its way: its place in the book. What it is made of is the caller's."""

    def __init__(
        self, site: Site, request: Wanted, progress: Progress, id: str, created: str
    ) -> None:
        self._site = site
        self._request = request
        self._progress = progress
        self._id = id
        self._created = created

    def note(self, kind: PointKind, plan: _Plan) -> str:
        """Write into the book what is about to be made; ``plan`` says what that is."""
        book = self._site.settled()
        if has(book.content, self._id) or self.pending(book) is not None:
            return "noted before"
        if book.pending is not None:
            backup_merge.tidy_up(self._site, self._progress)
            book = self._site.book()
        files = self._site.layer_now(book)
        nvram = shelf.nvram_name(book.uuid, self._id) if self._site.has_nvram() else ""
        point = Point(
            id=self._id,
            name=self._request.name,
            created=self._created,
            kind=kind,
            layer="",
            nvram=nvram,
            definition=self._site.domain.xml(),
        )
        self._site.begin(book, plan(book.content or turns.begun(files), point, files))
        return f"{len(files)} disk" + ("s" if len(files) > 1 else "")

    def keep_nvram(self) -> str:
        """Copy the UEFI variables, if there are any."""
        change = self.change()
        if change is None:
            return "done before"
        name = next(point for point in change.goal.points if point.id == self._id).nvram
        if not name:
            return "none"
        self._site.keep_nvram(name)
        return "copied"

    def change(self) -> Change | None:
        """What is under way; None if it is finished already.

        Raises:
            Refused: somebody took it back.
        """
        book = self._site.book()
        change = self.pending(book)
        if change is None and not has(book.content, self._id):
            raise gone()
        return change

    def pending(self, book: Book) -> Change | None:
        """The change in the book, if it is ours and not finished."""
        if book.pending is None or has(book.content, self._id):
            return None
        return book.pending if has(book.pending.goal, self._id) else None

    def take_back(self) -> None:
        """Remove what was made, and the note."""
        book = self._site.book()
        change = self.pending(book)
        if change is not None:
            self._site.take_back(book, change)

    def finish(self) -> None:
        """It is on the list from now on."""
        change = self.change()
        if change is not None:
            self._site.end(self._site.book(), change)
        else:
            self._site.settled()  # whoever was cut off here may not have swept

    def thin_out(self) -> str:
        """Remove the oldest points beyond those that are to be kept."""
        book = self._site.settled()  # whoever was cut off here may not have swept
        if book.pending is not None:
            backup_merge.tidy_up(self._site, self._progress)
            book = self._site.book()
        if book.content is None:
            return "none"
        old = [point.id for point in book.content.points[: -self._request.keep]]
        if old:
            left = turns.forgotten(book.content, *old)
            self._site.write(replace(book, content=left, leaving=(*book.leaving, *old)))
        backup_merge.tidy_up(self._site, self._progress, later=True)
        return f"{len(old)} removed" if old else "none"


class PointOperation:
    """What the two ways of making a point share: ``state`` holds the point's id and time."""

    def __init__(self, work: Work, request: Wanted) -> None:
        self._work = work
        self._domain = work.context.host.domain(work.instance)
        self._site = Site(work.context.host, self._domain)
        self._wanted = request
        self.state: JsonObject = {}

    def result(self) -> JsonObject:
        """The new point's id and time."""
        return {"id": self.state["id"], "created": self.state["created"]}

    def close(self) -> None:
        """Nothing is held open."""

    @property
    def _making(self) -> Making:
        id, created = str(self.state["id"]), str(self.state["created"])
        return Making(self._site, self._wanted, self._work.progress, id, created)

    def _new_point(self) -> JsonObject:
        context = self._work.context
        return {"id": context.new_session()[:8], "created": context.timestamp()}

    def _thinning(self) -> list[Step]:
        """The last step, where points beyond some number are to go."""
        if not self._wanted.keep:
            return []
        return [Step("remove the oldest points", self._making.thin_out, onward=_MADE)]


class _Plan(Protocol):
    """Makes the change out of what is, the new point and the present files."""

    def __call__(self, content: Content, point: Point, files: Mapping[str, File], /) -> Change: ...


def require_quota(site: Site, book: Book, request: Wanted, more_bytes: int) -> None:
    """Pass if the instance may have one more point that takes that much.

    Raises:
        QuotaExceeded: with the numbers.
    """
    quota, content = book.quota, book.content
    points = len(content.points) if content else 0
    if quota.points and points >= quota.points and not 0 < request.keep <= quota.points:
        raise QuotaExceeded(
            f"'{book.name}' has {points} backup points, and may have {quota.points}",
            hint=f"delete one, or let the oldest go: --keep {quota.points}",
        )
    if not quota.bytes:
        return
    ours = [f for layer in (content.layers if content else ()) for f in layer.files.values()]
    seen = site.files.look_all([file.path for file in ours if not file.original])
    taken = sum(file.allocated_bytes for file in seen.values())
    if taken + more_bytes > quota.bytes:
        raise QuotaExceeded(
            f"the backup points of '{book.name}' take {taken >> 20} MiB, this one would take "
            f"{more_bytes >> 20} MiB more, and {quota.bytes >> 20} MiB are allowed",
            hint=f"delete some, or allow more: lifebuoy backup quota {book.name}",
        )
