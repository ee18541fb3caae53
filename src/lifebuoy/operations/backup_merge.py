"""Merging and throwing away what no point needs any more, one noted step after another.

A step that was cut off is done again from its start: what is there tells how far it came. Until
the end of a step the instance reads from the files of before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Final

from lifebuoy.backup import definition, settling, tidy
from lifebuoy.backup.book import Book, Change, ChangeKind, Content, File, Layer
from lifebuoy.errors import Refused
from lifebuoy.hypervisor import Progress
from lifebuoy.hypervisor.blockjobs import BlockJobs
from lifebuoy.hypervisor.disks import end_mergers, merging
from lifebuoy.operations.backup_site import Site

_MARGIN_BYTES: Final = 16 << 20


def tidy_up(
    site: Site, progress: Progress, *, only_drops: bool = False, later: bool = False
) -> int:
    """Do all there is to do; returns how many steps were done.

    ``only_drops``: no merging. ``later``: end quietly where the instance must be stopped first.

    Raises:
        Refused: a merge is possible only while the instance is stopped.
        NoSpace: a file has no room to grow; nothing was done of that step.
    """
    done = 0
    while True:
        book = site.book()
        if book.content is None:
            return done
        change = book.pending or tidy.next_step(book.content)
        if change is None or (only_drops and change.kind is not ChangeKind.DROP):
            if change is None and book.leaving:
                site.write(replace(book, leaving=()))
            return done
        if later and site.domain.active and needs_stop(book.content, change):
            return done
        require_possible(site, book.content, change)
        require_room(site, book.content, change)
        if book.pending is None:
            book = site.begin(book, change)
        perform(site, book, change, progress)
        done += 1


def require_possible(site: Site, content: Content, change: Change) -> None:
    """Pass if this step can be done as the instance is.

    Raises:
        Refused: it runs, and uses the files in a way that only a stopped one can do without.
    """
    if needs_stop(content, change) and site.domain.active:
        raise Refused(
            f"merging a file of '{site.domain.name}' is possible only while it is stopped",
            hint=f"stop it, then: lifebuoy backup tidy {site.domain.name}",
        )


def needs_stop(content: Content, change: Change) -> bool:
    """Whether a running instance would have to be stopped for it. Pure."""
    line = {layer.id for layer in content.line(content.active)}
    return change.kind is ChangeKind.PULL and change.layer in line


def require_room(site: Site, content: Content, change: Change) -> None:
    """Pass if each file that grows has the room for it.

    Raises:
        NoSpace: with the sizes.
    """
    needed: dict[str, int] = {}
    for source, target in tidy.written(content, change):
        held, there = site.files.look(source.path), site.files.look(target.path)
        if held is None or there is None:
            continue  # done already
        folder = str(PurePosixPath(target.path).parent)
        grows = held.allocated_bytes
        if target.format == "raw":
            grows = min(grows, max(0, there.size_bytes - there.allocated_bytes))
        needed[folder] = needed.get(folder, _MARGIN_BYTES) + grows
    site.require_room(needed)


def perform(site: Site, book: Book, change: Change, progress: Progress) -> None:
    """Do one step that is noted in the book, and note its end."""
    content = book.content
    assert content is not None
    files = [one.layer(one.active).files for one in (content, change.goal)]
    if not definition.names_only(site.domain.xml(), *files):
        raise settling.drifted(book.name)
    match change.kind:
        case ChangeKind.COMMIT:
            _commit(site, content, change, progress)
        case ChangeKind.PULL:
            _pull(site, content, change, progress)
        case ChangeKind.MOVE:
            _move(site, content, change, progress)
        case _:
            pass  # only files that go
    site.switch(change.goal)
    for file in tidy.freed(content, change):
        site.files.remove(file.path)
    site.end(book, _noted(site, change))


def _commit(site: Site, content: Content, change: Change, progress: Progress) -> None:
    layer, below = content.layer(change.layer), content.layer(change.below)
    above = content.children(layer.id)
    head = above[0] if above else layer
    left = _left(site, content, layer, below, is_head=head is layer)
    with _jobs(site, content, layer, head, left) as jobs:
        for target, (top, base) in left.items():
            jobs.commit(target, top.path, base.path, progress)


def _pull(site: Site, content: Content, change: Change, progress: Progress) -> None:
    layer, below = content.layer(change.layer), content.layer(change.below)
    base = content.layer(below.parent)
    pairs = {
        name: (file, base.files[name])
        for name, file in layer.files.items()
        if name in below.files and site.files.look(below.files[name].path) is not None
    }
    with _jobs(site, content, layer, layer, pairs) as jobs:
        for target, (_, file) in pairs.items():
            jobs.pull(target, file.path, progress)


def _move(site: Site, content: Content, change: Change, progress: Progress) -> None:
    layer, below = content.layer(change.layer), content.layer(change.below)
    left = _left(site, content, layer, below, is_head=True)
    with _jobs(site, content, layer, layer, left) as jobs:
        for target, (_, file) in left.items():
            jobs.move(target, file.path, file.format, progress)


def _left(
    site: Site, content: Content, layer: Layer, below: Layer, *, is_head: bool
) -> dict[str, tuple[File, File]]:
    """The disks that are not merged yet. Once the definition names the lower file the instance
    may have been started on it: what the upper one holds is out of date then."""
    named = definition.sources(site.domain.xml())
    left: dict[str, tuple[File, File]] = {}
    for target, file in layer.files.items():
        under = below.files.get(target)
        if under is None:
            continue
        if is_head and layer.id == content.active and named.get(target) in _names(under):
            continue
        if site.files.look(file.path) is not None:
            left[target] = (file, under)
    return left


def _names(file: File) -> set[str]:
    return {file.path, file.volume} - {""}


@contextmanager
def _jobs(
    site: Site,
    content: Content,
    layer: Layer,
    head: Layer,
    left: Mapping[str, object],
) -> Iterator[BlockJobs]:
    """Where the merge takes place: the running instance, if the files are its own."""
    domain = site.domain
    line = {one.id for one in content.line(content.active)}
    if domain.active and layer.id in line:
        yield BlockJobs(domain)
        return
    if not left:
        end_mergers(site.host, domain.uuid)
        yield BlockJobs(domain)  # nothing is asked of it
        return
    files = {name: (head.files[name].path, head.files[name].format) for name in left}
    with merging(site.host, domain.uuid, domain.xml(), files) as jobs:
        yield jobs


def _noted(site: Site, change: Change) -> Change:
    """The change with what the files that are written no more are now."""
    goal = change.goal
    touched = {change.layer, *(layer.id for layer in goal.children(change.layer))}
    for id in touched & (goal.kept - {goal.active}) | _bases(goal, touched):
        try:
            layer = goal.layer(id)
        except KeyError:
            continue  # dropped
        files = {name: site.noted(file) for name, file in layer.files.items()}
        goal = goal.with_layer(Layer(layer.id, layer.parent, files))
    return Change(change.kind, goal, change.layer, change.below, change.nvram)


def _bases(content: Content, ids: set[str]) -> set[str]:
    """Those among ``ids`` over which there are others: nobody writes to them."""
    return {layer.parent for layer in content.layers} & ids
