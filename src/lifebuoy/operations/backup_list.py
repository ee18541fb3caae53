"""What backup points there are, read from the host alone: for lists, details and completion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from lifebuoy.backup import shelf, tidy
from lifebuoy.backup.book import Book, Content, File, Point, PointKind, Quota
from lifebuoy.errors import BadInput, PointNotFound
from lifebuoy.hypervisor import Host
from lifebuoy.hypervisor.diskfiles import DiskFile
from lifebuoy.hypervisor.disks import disk_files

_PREFIX_MIN: Final = 3


@dataclass(frozen=True, slots=True)
class PointFile:
    """A file that a point needs. ``layer`` counts from the point's own (0) downwards."""

    disk: str
    path: str
    format: str
    layer: int
    allocated_bytes: int
    original: bool


@dataclass(frozen=True, slots=True)
class PointSummary:
    """One point. ``size_bytes`` is what its own files take, ``depends`` the points whose files it
    reads, too; ``current``: what the instance writes lies over it."""

    id: str
    name: str
    instance: str
    uuid: str
    kind: PointKind
    created: str
    size_bytes: int
    depends: tuple[str, ...]
    current: bool


@dataclass(frozen=True, slots=True)
class InstanceBackups:
    """An instance's points, oldest first. ``size_bytes`` is what all files of ours take, overlays
    included. ``undo_of`` is the point whose restore can be undone; ``pending`` says what was cut
    off, ``merges`` how many merges are left to do."""

    instance: str
    uuid: str
    points: tuple[PointSummary, ...]
    size_bytes: int
    undo_of: str
    pending: str
    merges: int
    quota: Quota

    @classmethod
    def none(cls, instance: str, uuid: str, quota: Quota) -> Self:
        """Of an instance that has none."""
        return cls(instance, uuid, (), 0, "", "", 0, quota)


@dataclass(frozen=True, slots=True)
class PointDetails:
    """All about one point."""

    summary: PointSummary
    files: tuple[PointFile, ...]
    has_nvram: bool
    definition: str


def listing(host: Host, uuid: str = "") -> list[InstanceBackups]:
    """Every instance that has something to tell, by name; or that one alone."""
    books = [book for book in shelf.read_all(host.store) if not uuid or book.uuid == uuid]
    names = {domain.uuid: domain.name for domain in host.domains()} if books else {}
    paths = [file.path for book in books for file in _files(book.content)]
    seen = disk_files(host).look_all(paths) if paths else {}
    found = [_of_book(book, names.get(book.uuid, book.name), seen) for book in books]
    return sorted(found, key=lambda one: one.instance)


def require_long(id: str) -> None:
    """Pass what is enough of an id.

    Raises:
        BadInput: too short to mean anything.
    """
    if len(id) < _PREFIX_MIN:
        raise BadInput(f"a point's id is given by its first {_PREFIX_MIN} characters at least")


def ids(host: Host) -> list[str]:
    """The ids of all points of a host."""
    books = shelf.read_all(host.store)
    return [point.id for book in books if book.content for point in book.content.points]


def find(host: Host, id: str) -> tuple[Book, Point]:
    """The point whose id is, or begins with, ``id``.

    Raises:
        PointNotFound: none, or several; the hint names them.
        BadInput: too short to mean anything.
    """
    require_long(id)
    every = [
        (book, point)
        for book in shelf.read_all(host.store)
        for point in (book.content.points if book.content else ())
    ]
    matching = [one for one in every if one[1].id.startswith(id)]
    if len(matching) == 1:
        return matching[0]
    if matching:
        raise PointNotFound(
            f"several backup points begin with '{id}'",
            hint="say more of it: " + ", ".join(point.id for _, point in matching),
        )
    raise PointNotFound(f"no backup point '{id}' on {host.uri}", hint="lifebuoy backup list")


def leaving(host: Host, id: str) -> Book | None:
    """The book of the instance where a point whose id begins so is off the list, but whose files
    are not merged yet; None if there is none."""
    for book in shelf.read_all(host.store):
        if len(id) >= _PREFIX_MIN and any(one.startswith(id) for one in book.leaving):
            return book
    return None


def leaving_ids(host: Host) -> list[str]:
    """The ids of those points."""
    return [id for book in shelf.read_all(host.store) for id in book.leaving]


def details(host: Host, id: str) -> PointDetails:
    """One point, by its id or the beginning of it.

    Raises:
        PointNotFound: see ``find``.
    """
    book, point = find(host, id)
    content = _content(book)
    line = content.line(point.layer)
    seen = disk_files(host).look_all([f.path for layer in line for f in layer.files.values()])
    files = tuple(
        PointFile(target, file.path, file.format, depth, _size(seen, file), file.original)
        for depth, layer in enumerate(line)
        for target, file in layer.files.items()
    )
    known = host.find(book.uuid)
    name = known.name if known else book.name
    return PointDetails(
        _summary(book, content, point, name, seen), files, bool(point.nvram), point.definition
    )


def _of_book(book: Book, name: str, seen: dict[str, DiskFile]) -> InstanceBackups:
    content = book.content
    ours = {file.path: file for file in _files(content) if not file.original}
    return InstanceBackups(
        instance=name,
        uuid=book.uuid,
        points=tuple(
            _summary(book, content, point, name, seen)
            for point in (content.points if content else ())
            if content
        ),
        size_bytes=sum(_size(seen, file) for file in ours.values()),
        undo_of=content.undo.of if content and content.undo else "",
        pending=book.pending.kind if book.pending else "",
        merges=len(tidy.steps(content)) if content else 0,
        quota=book.quota,
    )


def _summary(
    book: Book, content: Content, point: Point, name: str, seen: dict[str, DiskFile]
) -> PointSummary:
    line = content.line(point.layer)
    below = {layer.id for layer in line[1:]}
    current = {layer.id for layer in content.line(content.active)}
    return PointSummary(
        id=point.id,
        name=point.name,
        instance=name,
        uuid=book.uuid,
        kind=point.kind,
        created=point.created,
        size_bytes=sum(_size(seen, file) for file in line[0].files.values()),
        depends=tuple(one.id for one in content.points if one.layer in below),
        current=point.layer in current,
    )


def _files(content: Content | None) -> list[File]:
    return [f for layer in content.layers for f in layer.files.values()] if content else []


def _size(seen: dict[str, DiskFile], file: File) -> int:
    there = seen.get(file.path)
    return there.allocated_bytes if there else 0


def _content(book: Book) -> Content:
    if book.content is None:
        raise PointNotFound(f"'{book.name}' has no backup points")
    return book.content
