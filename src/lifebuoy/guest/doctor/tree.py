"""The guest's files: every access by the doctor goes through here.

Paths are the guest's own. Symbolic links are followed inside the root only, by hand; device files
are never opened; sizes are bounded. Nobody else changes the tree meanwhile: the mounts are private.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from typing import BinaryIO

MOST_LINKS = 40
MOST_DEEP = 128  # folders in a path
MOST_BYTES = 64 << 20
MOST_NAMES = 100_000


class Tree:
    """A root and what is mounted in it; ``places`` maps folders of the guest to folders here."""

    def __init__(self, root: str) -> None:
        self.places = {"/": root}
        self._folders: dict[str, str | None] = {"/": "/"}
        #: paths that gave an I/O error, first ones only
        self.unreadable: list[str] = []

    def add(self, folder: str, place: str) -> None:
        """From here on the guest's ``folder`` lies at ``place``."""
        self.places[folder] = place
        self._folders = {"/": "/"}

    def here(self, real: str) -> str:
        """Where a resolved path of the guest lies on this system."""
        if len(self.places) == 1:  # nothing is mounted below; this is asked for every file
            return self.places["/"] + real if real != "/" else self.places["/"]
        best = max(
            (at for at in self.places if real == at or real.startswith(at.rstrip("/") + "/")),
            key=len,
        )
        rest = real[len(best) :].lstrip("/")
        place = self.places[best]
        return f"{place}/{rest}" if rest else place

    def resolve(self, path: str) -> str | None:
        """The path without symbolic links, None where it does not exist."""
        return self._resolve(path, [MOST_LINKS])

    def _resolve(self, path: str, links: list[int]) -> str | None:
        if path.count("/") > MOST_DEEP:
            return None
        parent, _, last = ("/" + path).rstrip("/").rpartition("/")
        if not last or last == ".":
            return self._folder(parent or "/", links) if last else "/"
        above = self._folder(parent or "/", links)
        if above is None:
            return None
        if last == "..":
            return above.rpartition("/")[0] or "/"
        real = f"{above.rstrip('/')}/{last}"
        found = self._lstat(real)
        if found is None:
            return None
        if not stat.S_ISLNK(found.st_mode):
            return real
        links[0] -= 1
        if links[0] < 0:
            return None
        target = os.readlink(self.here(real))
        return self._resolve(target if target.startswith("/") else f"{above}/{target}", links)

    def _folder(self, path: str, links: list[int]) -> str | None:
        if path not in self._folders:
            real = self._resolve(path, links)
            if len(self._folders) > MOST_NAMES:
                self._folders = {"/": "/"}
            self._folders[path] = real
        return self._folders[path]

    def forget(self) -> None:
        """After a change: nothing of what was resolved before holds."""
        self._folders = {"/": "/"}

    def target(self, path: str) -> str | None:
        """Where a file of this name is or would be: its folder resolved, its own name not."""
        parent, _, last = ("/" + path).rstrip("/").rpartition("/")
        above = self._folder(parent or "/", [MOST_LINKS])
        return None if above is None or last in ("", ".", "..") else f"{above.rstrip('/')}/{last}"

    def lstat(self, path: str) -> os.stat_result | None:
        """What is known about the name itself, link or not; None where it is missing."""
        real = self.target(path)
        return None if real is None else self._lstat(real)

    def stat(self, path: str) -> os.stat_result | None:
        """What is known about what the path leads to; None where that is missing."""
        real = self.resolve(path)
        return None if real is None else self._lstat(real)

    def _lstat(self, real: str) -> os.stat_result | None:
        try:
            return os.lstat(self.here(real))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError):
            self._note(real)
            return None

    def _note(self, real: str) -> None:
        if len(self.unreadable) < 50:
            self.unreadable.append(real)

    def exists(self, path: str) -> bool:
        """Whether the path leads to anything."""
        return self.resolve(path) is not None

    def is_folder(self, path: str) -> bool:
        """Whether the path leads to a folder."""
        found = self.stat(path)
        return found is not None and stat.S_ISDIR(found.st_mode)

    def is_file(self, path: str) -> bool:
        """Whether the path leads to a regular file."""
        found = self.stat(path)
        return found is not None and stat.S_ISREG(found.st_mode)

    def link(self, path: str) -> str | None:
        """The target of a symbolic link, None where it is none."""
        real = self.target(path)
        found = None if real is None else self._lstat(real)
        if real is None or found is None or not stat.S_ISLNK(found.st_mode):
            return None
        return os.readlink(self.here(real))

    def names(self, folder: str) -> list[str]:
        """The names in a folder, sorted; empty where there is none."""
        real = self.resolve(folder)
        if real is None:
            return []
        try:
            with os.scandir(self.here(real)) as entries:
                found = []
                for entry in entries:
                    found.append(entry.name)
                    if len(found) >= MOST_NAMES:
                        break
            return sorted(found)
        except NotADirectoryError:
            return []
        except OSError:
            self._note(real)
            return []

    def open(self, path: str) -> BinaryIO | None:
        """A regular file for reading, None where it is missing or something else."""
        real = self.resolve(path)
        found = None if real is None else self._lstat(real)
        if real is None or found is None or not stat.S_ISREG(found.st_mode):
            return None
        try:
            descriptor = os.open(
                self.here(real), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            )
        except OSError:
            self._note(real)
            return None
        return os.fdopen(descriptor, "rb")

    def read(self, path: str, most: int = MOST_BYTES) -> bytes | None:
        """The content of a regular file, cut at ``most`` bytes; None where it cannot be read."""
        file = self.open(path)
        if file is None:
            return None
        with file:
            try:
                return file.read(min(most, MOST_BYTES))
            except OSError:
                self._note(path)
                return None

    def text(self, path: str, most: int = 1 << 20) -> str | None:
        """The content as text; bytes that are not UTF-8 stay recognisable as such."""
        data = self.read(path, most)
        return None if data is None else data.decode("utf-8", "surrogateescape")

    def walk(self, folder: str, most: int = MOST_NAMES) -> Iterator[str]:
        """Every name below a folder that is not a folder, no link followed."""
        pending = [folder.rstrip("/")]
        while pending and most > 0:
            at = pending.pop()
            for name in self.names(at or "/"):
                path = f"{at}/{name}"
                found = self.lstat(path)
                most -= 1
                if found is not None and stat.S_ISDIR(found.st_mode):
                    pending.append(path)
                elif found is not None:
                    yield path
