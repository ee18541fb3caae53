"""Where books are kept: the host's media store, one file a version, the highest valid one counts.

A new version is a new file; the one before goes when the new one is whole. So whoever is cut off
leaves one that can be read.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from typing import Final

from lifebuoy.backup import bookjson
from lifebuoy.backup.book import Book
from lifebuoy.errors import BackupsUnreadable, LifebuoyError, NotFound
from lifebuoy.hypervisor import MediaStore

_NAME: Final = re.compile(r"backups-([0-9a-f-]{36})-(\d+)\.json")
_TRIES: Final = 5


def read(store: MediaStore, uuid: str, name: str) -> Book:
    """The instance's book; an empty one if it has none.

    Raises:
        BackupsUnreadable: there is one, and no version of it can be read.
    """
    for _ in range(_TRIES):
        found = _newest(store, uuid)
        if found is not None:
            return replace(found, name=name)
        if not _versions(store).get(uuid):
            return Book(uuid, name, None)
    raise BackupsUnreadable(f"the list of backup points of '{name}' cannot be read")


def read_all(store: MediaStore) -> list[Book]:
    """All books, of instances that are gone too; those that cannot be read are left out."""
    found: list[Book] = []
    for uuid in sorted(_versions(store)):
        try:
            book = _newest(store, uuid)
        except BackupsUnreadable:
            continue  # told when that instance is asked for
        if book is not None:
            found.append(book)
    return found


def write(store: MediaStore, book: Book) -> Book:
    """Keep ``book`` as the next version; a book of which nothing is left is thrown away.

    The caller holds the instance's lock: two writers at once would lose one's words.
    """
    known = _versions(store).get(book.uuid, [])
    if not book.empty:
        number = max([book.version, *known], default=0) + 1
        book = replace(book, version=number)
        store.put(_file(book.uuid, number), bookjson.to_text(book), shared=False)
    for version in sorted(known):  # the newest last: what is left must not be out of date
        # An older version that stays does no harm, so this is no reason to fail.
        with suppress(LifebuoyError):
            store.remove(_file(book.uuid, version), wipe=False)
    return book


def nvram_name(uuid: str, token: str) -> str:
    """The store's name of a copy of UEFI variables."""
    return f"backup-{uuid}-{token}-nvram.fd"


def keep_nvram(store: MediaStore, name: str, content: bytes) -> None:
    """Store a copy of UEFI variables; one that was cut off is made anew."""
    store.remove(name, wipe=False)
    store.put(name, content, shared=False)


def sweep(store: MediaStore, book: Book) -> None:
    """Remove the copies of UEFI variables that nobody needs, and versions before this one."""
    contents = [book.content, book.pending.goal if book.pending else None]
    needed = {name for content in contents if content for name in content.nvrams}
    for file in store.list():
        match = _NAME.fullmatch(file.name)
        if match and match[1] == book.uuid and int(match[2]) < book.version:
            with suppress(LifebuoyError):
                store.remove(file.name, wipe=False)
        ours = file.name.startswith(f"backup-{book.uuid}-") and file.name.endswith("-nvram.fd")
        if ours and file.name not in needed:
            with suppress(LifebuoyError):  # the next call tries again
                store.remove(file.name, wipe=False)


def _newest(store: MediaStore, uuid: str) -> Book | None:
    """The highest version that can be read; None if it went meanwhile, or there is none.

    Raises:
        BackupsUnreadable: a newer Lifebuoy's.
    """
    trouble: BackupsUnreadable | None = None
    for version in sorted(_versions(store).get(uuid, []), reverse=True):
        try:
            return bookjson.from_text(store.read(_file(uuid, version)))
        except NotFound:
            return None
        except BackupsUnreadable as error:
            if error.hint:
                raise
            trouble = error  # written in part by one who was cut off
    if trouble is not None:
        raise trouble
    return None


def _versions(store: MediaStore) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for file in store.list():
        match = _NAME.fullmatch(file.name)
        if match:
            found.setdefault(match[1], []).append(int(match[2]))
    return found


def _file(uuid: str, version: int) -> str:
    return f"backups-{uuid}-{version}.json"
