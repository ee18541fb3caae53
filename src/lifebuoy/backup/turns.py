"""What creating, restoring and undoing make of a book: layers, and where the instance is. Pure.

Each gives a ``Change`` whose goal holds once the new files are made and the definition names them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Final

from lifebuoy.backup.book import Change, ChangeKind, Content, File, Layer, Point, Undo

_NAME_MAX: Final = 255  # bytes of a file name


def begun(files: Mapping[str, File]) -> Content:
    """The content of an instance that has no points yet; ``files`` are its own."""
    return Content((Layer("0", "", files),), active="0")


def frozen(content: Content, point: Point, files: Mapping[str, File], token: str) -> Change:
    """Freeze the active layer as ``point``; ``files`` is what it is made of, disks that are new
    since the last point included. ``token`` makes the new files' names unique."""
    active = Layer(content.active, content.layer(content.active).parent, files)
    base = replace(
        content.with_layer(active),
        points=(*content.points, replace(point, layer=active.id)),
    )
    return _onto(base, active, token)


def restored(content: Content, point: Point, token: str, nvram_now: str) -> Change:
    """Go on from ``point``; what was active is kept for undoing, with the UEFI variables now."""
    left = Undo(content.active, nvram_now, point.id)
    change = _onto(replace(content, undo=left), content.layer(point.layer), token)
    return replace(change, nvram=point.nvram)


def undone(content: Content, undo: Undo, nvram_now: str) -> Change:
    """Go back to what was active before the last restore; what is active is kept instead."""
    goal = replace(content, active=undo.layer, undo=Undo(content.active, nvram_now, undo.of))
    return Change(ChangeKind.SWITCH, goal, undo.layer, nvram=undo.nvram)


def copied(content: Content, point: Point, files: Mapping[str, File]) -> Change:
    """Keep copies: a layer of its own beside everything, and nothing else changes."""
    layer = Layer(str(content.number), "", files)
    goal = replace(
        content.with_layer(layer),
        points=(*content.points, replace(point, layer=layer.id)),
        number=content.number + 1,
    )
    return Change(ChangeKind.COPY, goal, layer.id)


def forgotten(content: Content, *ids: str) -> Content:
    """The same without these points. A restore can be undone as long as its point is there."""
    points = tuple(point for point in content.points if point.id not in ids)
    undo = content.undo
    if undo is not None and (not points or undo.of in ids):
        undo = None
    return replace(content, points=points, undo=undo)


def new_files(content: Content, change: Change) -> list[File]:
    """The files that ``change`` makes."""
    known = {file.path for layer in content.layers for file in layer.files.values()}
    layer = change.goal.layer(change.layer)
    return [file for file in layer.files.values() if file.path not in known and not file.original]


def beside(path: str, token: str, suffix: str) -> str:
    """A new file's path in the folder of ``path``, that tells whose it is."""
    file = PurePosixPath(path)
    stem = file.name.partition(".lifebuoy-")[0]
    ending = f".lifebuoy-{token}.{suffix}"
    while len((stem + ending).encode()) > _NAME_MAX:
        stem = stem[:-1]
    return str(file.with_name(stem + ending))


def _onto(content: Content, base: Layer, token: str) -> Change:
    """A new active layer over ``base``."""
    layer = Layer(
        str(content.number),
        base.id,
        {name: _overlay(content, base, name, token) for name in base.files},
    )
    goal = replace(content.with_layer(layer), active=layer.id, number=content.number + 1)
    return Change(ChangeKind.SWITCH, goal, layer.id)


def _overlay(content: Content, base: Layer, name: str, token: str) -> File:
    """Beside the original, with its owner and mode; two disks may have files of one name stem."""
    original = _original(content, base, name)
    path = beside(original.path, f"{token}-{name}", "qcow2")
    volume = PurePosixPath(path).name if original.volume else ""
    return File(
        path,
        "qcow2",
        volume=volume,
        uid=original.uid,
        gid=original.gid,
        mode=original.mode,
    )


def _original(content: Content, base: Layer, name: str) -> File:
    for layer in content.layers:
        file = layer.files.get(name)
        if file is not None and file.original:
            return file
    return base.files[name]
