"""What is to become of a change that was under way when somebody was cut off. Pure."""

from __future__ import annotations

from enum import StrEnum

from lifebuoy.backup import definition
from lifebuoy.backup.book import Book, ChangeKind
from lifebuoy.errors import BackupsDrifted


class Verdict(StrEnum):
    """How a pending change is settled."""

    NOTHING = "nothing"  # none is pending
    FORWARD = "forward"  # the definition was switched: the rest is done
    BACK = "back"  # it was not: what was made goes
    AGAIN = "again"  # a merge: done again from its start


def verdict(book: Book, xml: str | None) -> Verdict:
    """By what the definition names; ``xml`` None: there is no instance any more.

    Raises:
        BackupsDrifted: the definition names neither the files before nor those after.
    """
    change, content = book.pending, book.content
    if change is None:
        return Verdict.NOTHING
    if change.kind is ChangeKind.COPY:
        return Verdict.BACK
    if change.kind is not ChangeKind.SWITCH:
        return Verdict.AGAIN
    before = {} if content is None else content.layer(content.active).files
    after = change.goal.layer(change.goal.active).files
    if content is None:
        # the first point: what was before are the originals, below the new layer
        below = change.goal.layer(change.goal.active).parent
        before = change.goal.layer(below).files
    if xml is None or definition.matches(xml, before):
        return Verdict.BACK
    if definition.matches(xml, after):
        return Verdict.FORWARD
    raise drifted(book.name)


def drifted(name: str, what: str = "") -> BackupsDrifted:
    """The error for disks that are not those that the points are about."""
    return BackupsDrifted(
        f"the disks of '{name}' are not those that its backup points know"
        + (f": {what}" if what else ""),
        hint="somebody changed them (virsh edit, snapshot or blockcommit): name the former "
        "files again in the definition; lifebuoy backup show tells them",
    )


def require_known(book: Book, xml: str) -> None:
    """Pass if the definition names what the active layer holds; disks beyond it are fine.

    Raises:
        BackupsDrifted: it names other files, or has a disk no more.
    """
    content = book.content
    if content is None:
        return
    files = content.layer(content.active).files
    named = definition.sources(xml)
    for target, file in files.items():
        if target not in named:
            raise drifted(book.name, f"disk {target} is gone, its content is in {file.path}")
        if named[target] not in {file.path, file.volume} - {""}:
            raise drifted(book.name, f"disk {target} is {named[target]}, not {file.path}")
