"""One instance's backup points at work: its book, its files, its definition, brought together.

Whoever uses it holds the instance's lock. What a step makes is written into the book first, so
that whoever comes after one that was cut off knows what to finish and what to remove.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from lifebuoy.backup import definition, settling, shelf, tidy, turns
from lifebuoy.backup.book import Book, Change, Content, File
from lifebuoy.backup.definition import Disk
from lifebuoy.backup.refusal import Found, refuse
from lifebuoy.backup.settling import Verdict
from lifebuoy.errors import BackupsDrifted, HostTrouble, NoSpace, Refused
from lifebuoy.hypervisor import Domain, Host
from lifebuoy.hypervisor.diskfiles import Access, DiskFile
from lifebuoy.hypervisor.disks import MERGER_PREFIX, disk_files
from lifebuoy.hypervisor.imageheader import parse


class Site:
    """The instance ``domain`` of ``host``."""

    def __init__(self, host: Host, domain: Domain) -> None:
        self.host = host
        self.domain = domain
        self.files = disk_files(host)

    # The book

    def book(self) -> Book:
        """As it is written."""
        return shelf.read(self.host.store, self.domain.uuid, self.domain.name)

    def write(self, book: Book) -> Book:
        """Keep it, then remove the UEFI variables that nobody needs."""
        kept = shelf.write(self.host.store, book)
        shelf.sweep(self.host.store, kept)
        return kept

    def begin(self, book: Book, change: Change) -> Book:
        """Note what is about to be done."""
        return shelf.write(self.host.store, replace(book, pending=change))

    def end(self, book: Book, change: Change) -> Book:
        """What was noted is done; a book with nothing but original files left is thrown away."""
        if tidy.is_plain(change.goal):
            return self.write(replace(book, content=None, pending=None, leaving=()))
        return self.write(replace(book, content=change.goal, pending=None))

    # What is there

    def found(self) -> list[Found]:
        """Each writable disk of the definition and what is at its path."""
        users = self._users()
        found: list[Found] = []
        for disk in map(self._placed, definition.disks(self.domain.xml())):
            file = self.files.look(disk.path) if disk.path and not disk.obstacle else None
            header = parse(self.files.header(disk.path)) if file else None
            size = file.size_bytes if file else 0
            found.append(Found(disk, header, size, users.get(disk.path, ())))
        return found

    def layer_now(self, book: Book) -> Mapping[str, File]:
        """The files that the instance writes to, as they are.

        Raises:
            CannotBackUp: a disk cannot be part of a point.
            BackupsDrifted: they are not those that its points know.
        """
        settling.require_known(book, self.domain.xml())
        found = self.found()
        refuse(self.domain.name, found)
        active = book.content.layer(book.content.active).files if book.content else {}
        return {
            one.disk.target: self.noted(
                active.get(one.disk.target)
                or File(one.disk.path, one.disk.format, original=True, volume=one.disk.volume)
            )
            for one in found
        }

    def noted(self, file: File) -> File:
        """The file with what it is now."""
        seen = self._look(file.path)
        header = parse(self.files.header(file.path))
        return replace(
            file,
            uid=seen.access.uid,
            gid=seen.access.gid,
            mode=seen.access.mode,
            size_bytes=seen.size_bytes,
            capacity_bytes=header.capacity_bytes or seen.size_bytes,
            modified=seen.modified,
        )

    def _placed(self, disk: Disk) -> Disk:
        """With the path of the volume that it names."""
        if not disk.volume:
            return disk
        return replace(disk, path=self.files.volume_path(disk.pool, disk.volume))

    def _look(self, path: str) -> DiskFile:
        seen = self.files.look(path)
        if seen is None:
            raise BackupsDrifted(
                f"a file of '{self.domain.name}' is missing: {path}", hint="bring it back"
            )
        return seen

    def _users(self) -> dict[str, tuple[str, ...]]:
        """Which other instances name which file."""
        found: dict[str, tuple[str, ...]] = {}
        for other in self.host.domains():
            if other.uuid == self.domain.uuid or other.name.startswith(MERGER_PREFIX):
                continue
            for path in self._named_by(other):
                found[path] = (*found.get(path, ()), other.name)
        return found

    def _named_by(self, domain: Domain) -> set[str]:
        texts = [domain.xml()] + ([domain.xml(live=True)] if domain.active else [])
        paths = {path for text in texts for path in definition.files_named(text)}
        volumes = {volume for text in texts for volume in definition.volumes_named(text)}
        return paths | {self.files.volume_path(*volume) for volume in volumes}

    # Switching

    def make_overlays(self, book: Book, change: Change) -> None:
        """Make the new layer's files; those that one who was cut off made are made anew."""
        layer = change.goal.layer(change.layer)
        for target, file in layer.files.items():
            base = change.goal.layer(layer.parent).files[target]
            self.files.remove(file.path)
            self.files.overlay(file.path, base.path, base.format, access_of(file))

    def switch(self, content: Content) -> None:
        """Let the definition name the active layer's files; one atomic call."""
        files = content.layer(content.active).files
        xml = self.domain.xml(secure=True)
        switched = definition.switched(xml, files)
        if not definition.same(xml, switched):
            self.host.define(switched)

    # After one who was cut off

    def settled(self) -> Book:
        """The book, once what was left under way is finished or taken back; merges stay pending.

        Raises:
            BackupsDrifted: somebody changed the disks meanwhile.
        """
        book = self.book()
        change = book.pending
        verdict = settling.verdict(book, self.domain.xml())
        if change is None or verdict in {Verdict.NOTHING, Verdict.AGAIN}:
            shelf.sweep(self.host.store, book)
            return book
        if verdict is Verdict.FORWARD:
            self.put_nvram(change.nvram)
            return self.end(book, change)
        return self.take_back(book, change)

    def take_back(self, book: Book, change: Change) -> Book:
        """Remove what ``change`` made.

        Raises:
            HostTrouble: the instance still writes to it; nothing was removed.
        """
        content = book.content or replace(change.goal, layers=(), points=())
        paths = {file.path for file in turns.new_files(content, change)}
        if paths & self._named_by(self.domain):
            raise HostTrouble("its definition still names the new files; they stay")
        for path in sorted(paths):
            self.files.remove(path)
        return self.write(replace(book, pending=None))

    # UEFI variables

    def has_nvram(self) -> bool:
        """Whether the instance has variables; not before its first start."""
        path = definition.nvram(self.domain.xml())
        return bool(path) and self.host.file_exists(path) is not False

    def keep_nvram(self, name: str) -> None:
        """Copy the instance's variables into our store."""
        path = definition.nvram(self.domain.xml())
        shelf.keep_nvram(self.host.store, name, self.host.read_file(path))

    def put_nvram(self, name: str) -> None:
        """Write the copy of that name into the instance's own; fine without a name."""
        path = definition.nvram(self.domain.xml())
        if name and path:
            self.host.write_file(path, self.host.store.read(name))

    def require_room(self, folder_bytes: Mapping[str, int]) -> None:
        """Pass if each folder has that much room.

        Raises:
            NoSpace: with the sizes.
        """
        for folder, needed in folder_bytes.items():
            free = self.files.free_bytes(folder)
            if free < needed:
                raise NoSpace(
                    f"'{folder}' on the host has {free >> 20} MiB free, "
                    f"{-(-needed >> 20)} MiB are needed",
                    hint="make room there",
                )


def access_of(file: File) -> Access:
    """Owner and mode as noted."""
    return Access(file.uid, file.gid, file.mode)


def gone() -> Refused:
    """The error for a step that finds its change no more."""
    return Refused(
        "what was begun has been taken back meanwhile, by another call on the same instance",
        hint="ask again",
    )
