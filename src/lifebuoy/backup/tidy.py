"""What can be merged or thrown away once a point is gone: one step at a time. Pure.

No step changes what any kept layer (a point, the active one, the undo one) reads as. A layer that
nobody keeps and nobody lies over goes; one with a single layer over it is merged with that.
"""

from __future__ import annotations

from dataclasses import replace

from lifebuoy.backup.book import Change, ChangeKind, Content, File, Layer


def next_step(content: Content) -> Change | None:
    """The next thing to do; None when all is tidy."""
    return _drop(content) or _merge(content) or _move(content)


def steps(content: Content) -> list[Change]:
    """All that is to be done, in order."""
    found: list[Change] = []
    while step := next_step(found[-1].goal if found else content):
        found.append(step)
    return found


def is_plain(content: Content) -> bool:
    """Whether nothing but the instance's original files is left."""
    return len(content.layers) == 1 and not content.points


def freed(content: Content, step: Change) -> list[File]:
    """The files that are deleted by ``step``."""
    kept = {file.path for layer in step.goal.layers for file in layer.files.values()}
    was = [file for layer in content.layers for file in layer.files.values()]
    return [file for file in was if file.path not in kept]


def written(content: Content, step: Change) -> list[tuple[File, File]]:
    """For each file that ``step`` writes to: from which, and to which."""
    if step.kind not in {ChangeKind.COMMIT, ChangeKind.PULL, ChangeKind.MOVE}:
        return []
    over, under = content.layer(step.layer), content.layer(step.below)
    pairs = [(over.files[name], under.files[name]) for name in over.files if name in under.files]
    return [(b, a) for a, b in pairs] if step.kind is ChangeKind.PULL else pairs


def _drop(content: Content) -> Change | None:
    for layer in reversed(content.layers):
        if layer.id in content.kept or layer.has_original or content.children(layer.id):
            continue
        return Change(ChangeKind.DROP, content.without_layers(layer.id), layer.id)
    return None


def _merge(content: Content) -> Change | None:
    for below in content.layers:
        above = content.children(below.id)
        if below.id in content.kept or len(above) != 1:
            continue
        (layer,) = above
        if len(content.children(layer.id)) <= 1:
            return _commit(content, layer, below)
        if not below.has_original and below.parent:
            return _pull(content, layer, below)
    return None


def _commit(content: Content, layer: Layer, below: Layer) -> Change:
    """``layer`` is written into ``below``, whose files then are its own.

    A disk that was attached after ``below`` has its only file in ``layer`` and keeps it.
    """
    files = {name: _now_of(below.files.get(name), file) for name, file in layer.files.items()}
    merged = Layer(layer.id, below.parent, {**below.files, **files})
    goal = content.without_layers(below.id).with_layer(merged)
    return Change(ChangeKind.COMMIT, goal, layer.id, below.id)


def _now_of(below: File | None, file: File) -> File:
    return file if below is None else _written_to(below)


def _pull(content: Content, layer: Layer, below: Layer) -> Change:
    """``layer`` takes in what ``below`` holds and lies over its parent then."""
    files = {name: _written_to(file) for name, file in layer.files.items()}
    merged = Layer(layer.id, below.parent, files)
    goal = content.without_layers(below.id).with_layer(merged)
    return Change(ChangeKind.PULL, goal, layer.id, below.id)


def _move(content: Content) -> Change | None:
    """Back to the original files, once those hold nothing that is kept."""
    active = content.layer(content.active)
    away = {name for name, file in active.files.items() if not file.original}
    pinned = content.children(active.id) or content.kept != {active.id}
    if active.parent or pinned or not away:
        return None
    for root in content.layers:
        # one that lies over another is merged with that first
        if root.parent or root.id == active.id or content.children(root.id):
            continue
        if root.has_original and root.files.keys() == away:
            files = {name: _written_to(file) for name, file in root.files.items()}
            merged = Layer(active.id, "", {**active.files, **files})
            goal = content.without_layers(root.id).with_layer(merged)
            return Change(ChangeKind.MOVE, goal, active.id, root.id)
    return None


def _written_to(file: File) -> File:
    """What was noted of it holds no more."""
    return replace(file, size_bytes=0, capacity_bytes=0, modified="", sha256="")
