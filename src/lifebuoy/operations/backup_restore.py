"""Going back to a backup point, and taking that back: fresh overlays, one switch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lifebuoy.backup import definition, settling, shelf, turns
from lifebuoy.backup.book import Book, Change, Content, Undo
from lifebuoy.errors import CannotBackUp, PointNotFound, Refused
from lifebuoy.model import Action
from lifebuoy.operations import backup_merge
from lifebuoy.operations.backup_making import require_usable, room_for_overlays
from lifebuoy.operations.backup_site import Site, gone
from lifebuoy.operations.operation import JsonObject, Kind, Work
from lifebuoy.operations.runner import Step


@dataclass(frozen=True, slots=True)
class RestoreRequest:
    """``point`` is the full id; empty: undo the last restore."""

    point: str = ""


class Restoring:
    """One restore, or its undoing, under way."""

    def __init__(self, work: Work) -> None:
        self._context = work.context
        self._domain = work.context.host.domain(work.instance)
        self._site = Site(work.context.host, self._domain)
        self._request = RestoreRequest(**work.request)
        self._progress = work.progress
        self.state: JsonObject = {}

    def begin(self) -> None:
        """All refusals."""
        require_usable(self._domain, Action.BACKUP_RESTORE)
        book = self._site.book()
        content = _content(book)
        token = self._context.new_session()[:8]
        self.state = {"token": token, "before": content.active}
        if book.pending is None:
            self._check(book)

    def steps(self) -> list[Step]:
        """In order; the switch of the definition is the one moment that counts."""
        return [
            Step("note what is to be", self._note, self._take_back),
            Step("keep the present UEFI variables", self._keep_nvram),
            Step("make overlays for the disks", self._make_overlays),
            Step("switch the definition", self._switch, self._switch_back),
            Step("put the UEFI variables back", self._put_nvram, self._put_nvram_back),
            Step("finish the list", self._finish),
            Step("remove what nobody needs", self._clean, onward=_DONE),
        ]

    def result(self) -> JsonObject:
        """Which point it is, and that it can be undone."""
        return {"point": self._request.point}

    def close(self) -> None:
        """Nothing is held open."""

    def _check(self, book: Book) -> None:
        """Refuse what cannot be gone back to."""
        content = _content(book)
        xml = self._domain.xml()
        settling.require_known(book, xml)
        target = content.layer(self._target(content))
        wanted = set(target.files)
        there = {disk.target for disk in definition.disks(xml)}
        if wanted != there or wanted != set(content.layer(content.active).files):
            raise CannotBackUp(
                f"'{self._domain.name}' has other disks than it had then: "
                f"{', '.join(sorted(there))} now, {', '.join(sorted(wanted))} then",
                hint="detach or attach what differs, then ask again",
            )
        for layer in content.line(target.id):
            for file in layer.files.values():
                if self._site.files.look(file.path) is None:
                    raise CannotBackUp(
                        f"a file of the point is missing: {file.path}", hint="bring it back"
                    )
        self._site.require_room(room_for_overlays(target.files.values()))

    def _target(self, content: Content) -> str:
        """The layer to go back to.

        Raises:
            PointNotFound, Refused: there is none.
        """
        if not self._request.point:
            if content.undo is None:
                raise Refused(f"there is no restore of '{self._domain.name}' to be undone")
            return content.undo.layer
        for point in content.points:
            if point.id == self._request.point:
                return point.layer
        raise PointNotFound(f"'{self._domain.name}' has no backup point '{self._request.point}'")

    def _note(self) -> str:
        book = self._site.settled()
        if self._is_done(book) or self._mine(book):
            return "noted before"
        if book.pending is not None:
            backup_merge.tidy_up(self._site, self._progress)
            book = self._site.book()
        self._check(book)
        content = _content(book)
        nvram = ""
        if self._site.has_nvram():
            nvram = shelf.nvram_name(book.uuid, f"undo-{self.state['token']}")
        self._site.begin(book, self._planned(content, nvram))
        return "the present state is kept for undoing"

    def _planned(self, content: Content, nvram: str) -> Change:
        if not self._request.point:
            assert content.undo is not None
            return turns.undone(content, content.undo, nvram)
        point = next(one for one in content.points if one.id == self._request.point)
        return turns.restored(content, point, str(self.state["token"]), nvram)

    def _keep_nvram(self) -> str:
        undo = self._undo_of(self._change())
        if undo is None or not undo.nvram:
            return "none"
        self._site.keep_nvram(undo.nvram)
        return "copied"

    def _make_overlays(self) -> str:
        book, change = self._site.book(), self._change()
        if change is None or not self._request.point:
            return "none: the files are there"
        self._site.make_overlays(book, change)
        return ""

    def _switch(self) -> None:
        change = self._change()
        if change is not None:
            self._site.switch(change.goal)

    def _switch_back(self) -> None:
        book = self._site.book()
        if self._mine(book):
            self._site.switch(_content(book))

    def _put_nvram(self) -> str:
        change = self._change()
        if change is None or not change.nvram:
            return "none"
        self._site.put_nvram(change.nvram)
        return "written"

    def _put_nvram_back(self) -> None:
        undo = self._undo_of(self._mine(self._site.book()))
        if undo is not None and undo.nvram:
            self._site.put_nvram(undo.nvram)

    def _finish(self) -> None:
        change = self._change()
        if change is not None:
            self._site.end(self._site.book(), change)
        else:
            self._site.settled()  # whoever was cut off here may not have swept

    def _clean(self) -> None:
        backup_merge.tidy_up(self._site, self._progress, only_drops=True)

    def _take_back(self) -> None:
        book = self._site.book()
        change = self._mine(book)
        if change is not None:
            self._site.take_back(book, change)

    def _undo_of(self, change: Change | None) -> Undo | None:
        return None if change is None else change.goal.undo

    def _change(self) -> Change | None:
        """What is under way; None if it is finished already.

        Raises:
            Refused: somebody took it back.
        """
        book = self._site.book()
        change = self._mine(book)
        if change is None and not self._is_done(book):
            raise gone()
        return change

    def _mine(self, book: Book) -> Change | None:
        change = book.pending
        if change is None or self._is_done(book):
            return None
        undo = change.goal.undo
        return change if undo is not None and undo.layer == self.state["before"] else None

    def _is_done(self, book: Book) -> bool:
        content = book.content
        undo = content.undo if content else None
        return undo is not None and undo.layer == self.state["before"]


_DONE: Final = "The instance is where it was asked to go."


def _content(book: Book) -> Content:
    if book.content is None:
        raise PointNotFound(
            f"'{book.name}' has no backup points", hint=f"lifebuoy backup create {book.name}"
        )
    return book.content


RESTORE: Final = Kind("backup-restore", 1, "go back to a backup point", Restoring)
UNDO: Final = Kind("backup-undo", 1, "undo going back to a backup point", Restoring)
