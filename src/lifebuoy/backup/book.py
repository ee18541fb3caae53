"""The book of an instance's backup points: which files make them up, and what is under way. Pure.

The files of all disks of one moment are a *layer*; each layer but the roots lies over a parent.
The instance writes to the active layer alone. A frozen point is a layer that is written no more;
a copy is a root of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum


class PointKind(StrEnum):
    """How a point keeps the disks."""

    FROZEN = "frozen"  # the files as they are; later writes go to overlays
    COPY = "copy"  # files of their own


class ChangeKind(StrEnum):
    """What is under way."""

    SWITCH = "switch"  # new overlays, then one new definition
    COPY = "copy"  # new files beside everything
    DROP = "drop"  # files that nobody needs go
    COMMIT = "commit"  # a layer is written into the one below it
    PULL = "pull"  # a layer takes in the one below it
    MOVE = "move"  # a root that is not the original is written over the original


@dataclass(frozen=True, slots=True)
class File:
    """A disk's file in a layer.

    ``original``: it was the instance's own before there were points, and is never deleted.
    ``volume`` is its name where the definition names a volume of a pool instead of a file.
    The rest was noted when the file was written to for the last time (sizes in bytes; empty or 0
    for files that are written to); ``sha256`` is that of a copy's whole content.
    """

    path: str
    format: str
    original: bool = False
    volume: str = ""
    uid: int = -1
    gid: int = -1
    mode: int = 0
    size_bytes: int = 0
    capacity_bytes: int = 0
    modified: str = ""
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Layer:
    """Files by disk target; ``parent`` is the id of the layer below, empty for a root."""

    id: str
    parent: str
    files: Mapping[str, File]

    @property
    def has_original(self) -> bool:
        """Whether it holds a file that must never be deleted."""
        return any(file.original for file in self.files.values())


@dataclass(frozen=True, slots=True)
class Point:
    """A backup point. ``created`` is an ISO 8601 UTC time, ``nvram`` the media store's name of the
    copy of the UEFI variables (empty: it had none), ``definition`` what was defined then, without
    secrets: for the record."""

    id: str
    name: str
    created: str
    kind: PointKind
    layer: str
    nvram: str = ""
    definition: str = ""


@dataclass(frozen=True, slots=True)
class Undo:
    """What the last restore left: the layer that was active, and the UEFI variables then."""

    layer: str
    nvram: str
    of: str


@dataclass(frozen=True, slots=True)
class Content:
    """Layers, points, and where the instance is; what holds while nothing is under way.

    ``number`` is the next layer's id.
    """

    layers: tuple[Layer, ...]
    active: str
    points: tuple[Point, ...] = ()
    undo: Undo | None = None
    number: int = 1

    def layer(self, id: str) -> Layer:
        """The layer of that id.

        Raises:
            KeyError: there is none.
        """
        for layer in self.layers:
            if layer.id == id:
                return layer
        raise KeyError(id)

    def children(self, id: str) -> list[Layer]:
        """The layers right over it."""
        return [layer for layer in self.layers if layer.parent == id]

    def line(self, id: str) -> list[Layer]:
        """The layer and those below it, down to its root."""
        found = [self.layer(id)]
        while found[-1].parent:
            found.append(self.layer(found[-1].parent))
        return found

    @property
    def kept(self) -> frozenset[str]:
        """The layers whose content somebody can ask for."""
        asked = {self.active, *(point.layer for point in self.points)}
        return frozenset(asked | ({self.undo.layer} if self.undo else set()))

    @property
    def nvrams(self) -> frozenset[str]:
        """The copies of UEFI variables that are needed."""
        names = {point.nvram for point in self.points} | ({self.undo.nvram} if self.undo else set())
        return frozenset(names - {""})

    def with_layer(self, layer: Layer) -> Content:
        """The same with ``layer`` in the place of the one of its id, or added."""
        others = tuple(one for one in self.layers if one.id != layer.id)
        return replace(self, layers=(*others, layer))

    def without_layers(self, *ids: str) -> Content:
        """The same without these layers."""
        return replace(self, layers=tuple(one for one in self.layers if one.id not in ids))


@dataclass(frozen=True, slots=True)
class Change:
    """What is under way and what will hold after it.

    ``layer`` is the one that it is about, ``below`` the other one of a merge. ``nvram`` is the
    copy of UEFI variables to be written into the instance's own, empty where those stay.
    """

    kind: ChangeKind
    goal: Content
    layer: str
    below: str = ""
    nvram: str = ""


@dataclass(frozen=True, slots=True)
class Book:
    """All about an instance's points; ``version`` counts its writes. ``leaving`` are points that
    are off the list, but whose files are not merged yet."""

    uuid: str
    name: str
    content: Content | None
    pending: Change | None = None
    version: int = 0
    quota: Quota = field(default_factory=lambda: Quota())
    leaving: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to be remembered."""
        return self.content is None and self.pending is None and self.quota == Quota()


@dataclass(frozen=True, slots=True)
class Quota:
    """What an instance's points may come to; 0 is without a limit."""

    points: int = 0
    bytes: int = 0
