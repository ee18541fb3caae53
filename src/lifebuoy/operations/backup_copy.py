"""Making a backup point by copying the disks, stopped or running: files of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Final

from lifebuoy.backup import definition, turns
from lifebuoy.backup.book import Book, Change, Content, File, Layer, Point, PointKind
from lifebuoy.errors import AgentUnavailable, CannotBackUp, HostTrouble
from lifebuoy.hypervisor import Progress
from lifebuoy.hypervisor.livebackup import LiveBackup
from lifebuoy.model import Action, InstanceState, RunState
from lifebuoy.operations.backup_making import (
    MARGIN_BYTES,
    PointOperation,
    check_wanted,
    require_quota,
    require_usable,
)
from lifebuoy.operations.backup_site import Site, access_of
from lifebuoy.operations.operation import Kind, Work
from lifebuoy.operations.runner import Step

_AGENT_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class CopyRequest:
    """``pool`` is where the copies go: a storage pool's name or a folder; empty: beside the disks.
    ``freeze``: a running guest's file systems are held still for the moment that counts."""

    name: str = ""
    keep: int = 0
    pool: str = ""
    freeze: bool = True


def room_for_copies(
    site: Site, book: Book, files: Mapping[str, File], folder: str = ""
) -> dict[str, int]:
    """What copies of all that the disks hold, through all their layers, need; by folder."""
    content = book.content or turns.begun(files)
    line = [f for layer in content.line(content.active) for f in layer.files.values()]
    seen = site.files.look_all([file.path for file in line])
    needed: dict[str, int] = {}
    for target, file in files.items():
        held = [layer.files.get(target) for layer in content.line(content.active)]
        paths = {one.path for one in held if one} | {file.path}
        taken = sum(seen[path].allocated_bytes for path in paths if path in seen)
        place = folder or str(PurePosixPath(file.path).parent)
        size = min(taken, file.capacity_bytes + MARGIN_BYTES)
        needed[place] = needed.get(place, MARGIN_BYTES) + size
    return needed


def copied_bytes(needed: Mapping[str, int]) -> int:
    """What of that is the copies' own."""
    return sum(needed.values()) - MARGIN_BYTES * len(needed)


class Copying(PointOperation):
    """One copying under way. ``state`` also says where to, and whether the instance runs."""

    def __init__(self, work: Work) -> None:
        self._request = CopyRequest(**work.request)
        super().__init__(work, self._request)

    def begin(self) -> None:
        """All refusals, and the point's id, time and place."""
        check_wanted(self._request)
        running = require_usable(self._domain, Action.BACKUP_CREATE) is InstanceState.RUNNING
        folder = self._site.files.folder_of(self._request.pool) if self._request.pool else ""
        book = self._site.book()
        if book.pending is None:
            files = self._site.layer_now(book)
            needed = room_for_copies(self._site, book, files, folder)
            self._site.require_room(needed)
            require_quota(self._site, book, self._request, copied_bytes(needed))
        if running:
            self._require_live()
        self.state = {**self._new_point(), "folder": folder, "running": running}

    def steps(self) -> list[Step]:
        """In order; nothing of the instance is changed by any."""
        making = self._making
        return [
            Step("note the backup point", self._note, self._take_back),
            Step("copy the UEFI variables", making.keep_nvram),
            Step("copy the disks", self._copy),
            Step("read the copies once", self._read),
            Step("finish the list", making.finish),
            *self._thinning(),
        ]

    def _require_live(self) -> None:
        """Pass if a consistent copy of the running instance is possible.

        Raises:
            CannotBackUp: with the reason.
        """
        domain = self._domain
        live = definition.sources(domain.xml(live=True))
        named = definition.sources(domain.xml())
        differing = sorted(
            disk.target
            for disk in definition.disks(domain.xml())
            if live.get(disk.target) != named.get(disk.target)
        )
        if differing:
            raise CannotBackUp(
                f"'{domain.name}' runs with another {', '.join(differing)} than is defined",
                hint="shut it down first",
            )
        if not self._request.freeze or domain.run_state() is RunState.PAUSED:
            return
        if not domain.agent.wait(_AGENT_S):
            raise CannotBackUp(
                f"'{domain.name}' is running and its guest agent does not answer, so its file "
                "systems cannot be held still for a moment",
                hint="shut it down first; or copy it as after a power failure: --no-freeze",
            )

    def _note(self) -> str:
        return self._making.note(PointKind.COPY, self._planned)

    def _planned(self, content: Content, point: Point, files: Mapping[str, File]) -> Change:
        return turns.copied(content, point, {n: self._target(n, f) for n, f in files.items()})

    def _target(self, name: str, file: File) -> File:
        """The copy's file. A running disk is copied to qcow2, which keeps zeros for nothing."""
        image_format = "qcow2" if self.state["running"] else file.format
        suffix = "qcow2" if image_format == "qcow2" else "img"
        path = turns.beside(file.path, f"{self.state['id']}-{name}-copy", suffix)
        if self.state["folder"]:
            path = f"{self.state['folder']}/{self._domain.name}-{PurePosixPath(path).name}"
        return File(
            path,
            image_format,
            uid=file.uid,
            gid=file.gid,
            mode=file.mode,
            capacity_bytes=file.capacity_bytes,
        )

    def _copy(self) -> str:
        change = self._making.change()
        if change is None:
            return "done before"
        layer = change.goal.layer(change.layer)
        if self.state["running"]:
            return self._copy_running(layer)
        sources = change.goal.layer(change.goal.active).files
        done, how = 0, ""
        total = sum(sources[name].size_bytes or 1 for name in layer.files)
        for name, file in layer.files.items():
            source = sources[name]
            self._site.files.remove(file.path)
            how = self._site.files.copy(
                source.path,
                source.format,
                file.path,
                access_of(file),
                self._part(done, source.size_bytes, total),
            )
            done += source.size_bytes
        return how

    def _part(self, before: int, size: int, total: int) -> Progress:
        """Tells how far one disk is as a part of all."""

        def told(now: int, of: int) -> None:
            self._work.progress(before + (size * now // of if of else 0), total)

        return told

    def _copy_running(self, layer: Layer) -> str:
        job = LiveBackup(self._domain)
        self._stop(job)
        if not self._domain.active:
            raise HostTrouble(f"'{self._domain.name}' has stopped", hint="ask again")
        for file in layer.files.values():
            self._site.files.remove(file.path)
            self._site.files.blank(file.path, file.capacity_bytes, access_of(file))
        others = set(definition.sources(self._domain.xml(live=True))) - set(layer.files)
        held = ""
        paused = self._domain.run_state() is RunState.PAUSED
        try:
            if self._request.freeze and not paused:
                held = f", {job.freeze()} file systems held still"
            job.begin({n: (f.path, f.format) for n, f in layer.files.items()}, sorted(others))
        finally:
            if self._request.freeze and not paused:
                job.thaw()
        try:
            job.wait(self._work.progress)
        finally:
            job.abort()
        return f"copied while it runs{held}"

    def _stop(self, job: LiveBackup) -> None:
        """End what one who was cut off began, and let the guest go on."""
        if self._domain.active:
            job.abort()
            if self._request.freeze:
                try:
                    if self._domain.agent.ping(1):
                        job.thaw()
                except AgentUnavailable:
                    return

    def _take_back(self) -> None:
        if self.state["running"]:
            self._stop(LiveBackup(self._domain))
        self._making.take_back()

    def _read(self) -> str:
        """Note each copy's hash and what it is now, in the book."""
        book = self._site.book()
        change = self._making.change()
        if change is None:
            return "done before"
        layer = change.goal.layer(change.layer)
        files = {
            name: replace(
                self._site.noted(file),
                sha256=self._site.files.digest(file.path, self._work.progress),
            )
            for name, file in layer.files.items()
        }
        goal = change.goal.with_layer(Layer(layer.id, layer.parent, files))
        self._site.begin(book, replace(change, goal=goal))
        return "their SHA-256 is noted"


COPY: Final = Kind("backup-copy", 1, "copy the disks to a backup point", Copying)
