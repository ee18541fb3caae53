"""Where replaced bytes are kept: a folder a run, with a journal written before each change.

A record is on the disk before the change that it undoes is made, so a run that was killed
half-way can be undone, or simply repeated.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = "/var/lib/lifebuoy/undo"
JOURNAL = "journal"
MOST_JOURNAL = 64 << 20
MOST_SAVED = 1 << 30
Record = dict[str, Any]


class Store:
    """One run's folder: saved bytes, numbered, and the journal."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._number = sum(1 for _ in self.records())

    def note(self, record: Record) -> int:
        """Writes a record, on the disk when this returns; its number."""
        self._number += 1
        with (self.folder / JOURNAL).open("a", encoding="utf-8") as journal:
            journal.write(json.dumps({"number": self._number, **record}) + "\n")
            journal.flush()
            os.fsync(journal.fileno())
        flush_folder(self.folder)
        return self._number

    def save(self, data: bytes) -> str:
        """Keeps bytes, on the disk when this returns; the name to get them back by."""
        name = hashlib.sha256(data).hexdigest()[:24]
        path = self.folder / name
        if not path.exists():
            with (self.folder / f".{name}").open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            (self.folder / f".{name}").rename(path)
            flush_folder(self.folder)
        return name

    def saved(self, name: str) -> bytes:
        """The bytes kept under this name."""
        return read_plain(self.folder / Path(name).name)

    def records(self) -> Iterator[Record]:
        """The records, oldest first; a last one cut off by a crash is passed over."""
        path = self.folder / JOURNAL
        if not path.exists():
            return
        for line in read_plain(path, MOST_JOURNAL).decode("utf-8", "replace").splitlines():
            try:
                record = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(record, dict) and "kind" in record:
                yield record


def read_plain(path: Path, most: int = MOST_SAVED) -> bytes:
    """A regular file of bounded size, no link followed: the guest may have put anything here.

    Raises OSError.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_size > most:
            raise OSError(f"{path.name} is no file of ours")
        return file.read(found.st_size)  # as much memory as is asked for is taken at once


def flush_folder(folder: Path) -> None:
    """Makes new names in a folder survive a crash."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def state_of(path: Path, store: Store) -> Record:
    """What is at this path now, with all that is needed to make it so again."""
    try:
        found = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return {"type": "absent"}
    owner = {"mode": stat.S_IMODE(found.st_mode), "uid": found.st_uid, "gid": found.st_gid}
    if stat.S_ISLNK(found.st_mode):
        return {"type": "link", "target": os.readlink(path), **owner}
    if stat.S_ISDIR(found.st_mode):
        return {"type": "folder", **owner}
    if not stat.S_ISREG(found.st_mode):
        return {"type": "other", **owner}
    saved = store.save(path.read_bytes())
    return {
        "type": "file",
        "saved": saved,
        "times": [found.st_atime_ns, found.st_mtime_ns],
        **owner,
    }


def make_so(path: Path, state: Record, store: Store) -> None:
    """Makes the path be again what it was."""
    kind = state["type"]
    if kind == "other":
        return
    if kind == "folder":
        if path.is_dir() and not path.is_symlink():
            set_owner(path, state["mode"], state["uid"], state["gid"])
        return
    if kind == "absent":
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()):
                path.rmdir()
        else:
            path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "link":
        put_link(path, state["target"])
        return
    put_file(path, store.saved(state["saved"]), state["mode"], state["uid"], state["gid"])
    os.utime(path, ns=(state["times"][0], state["times"][1]))


def put_file(path: Path, data: bytes, mode: int, uid: int, gid: int) -> None:
    """The file appears whole or not at all; extended attributes of what was there are kept."""
    fresh = path.with_name(f".{path.name[:200]}.lifebuoy")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    set_owner(fresh, mode, uid, gid)
    if path.is_file() and not path.is_symlink():
        _copy_attributes(path, fresh)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(fresh, ignore_errors=True)
        raise IsADirectoryError(str(path))
    fresh.replace(path)
    flush_folder(path.parent)


def put_link(path: Path, target: str) -> None:
    """The link appears in place of whatever file or link had the name."""
    fresh = path.with_name(f".{path.name[:200]}.lifebuoy")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(path)
    flush_folder(path.parent)


def set_owner(path: Path, mode: int, uid: int, gid: int) -> None:
    """Owner, then mode; on a file system that has neither, nothing."""
    try:
        os.chown(path, uid, gid, follow_symlinks=False)
        path.chmod(mode)
    except PermissionError:
        if os.geteuid() == 0 and os.statvfs(path).f_flag & os.ST_RDONLY:
            raise


def _copy_attributes(old: Path, fresh: Path) -> None:
    for name in os.listxattr(old):
        try:
            os.setxattr(fresh, name, os.getxattr(old, name))
        except OSError:
            continue  # of a kind that this system does not know
