"""Debian packages as files: from the guest's cache, a folder or an ISO, or downloaded.

A package is used only where its name, version and architecture are those asked for, and a file
only where its MD5 is the one that the package database has; one that the database has none of,
where it is the one that the package itself names.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum

from ..change import FromPackage
from ..mounting import run
from ..naming import plain
from ..tree import Tree
from ..usr import Usr, canonical
from . import apt
from .dpkg import sums_of

MOST_MEMBER = 512 << 20
MOST_NAMES = 200_000  # in a folder of packages, all that is below it
MOST_DEEP = 12
CACHE = "/var/cache/apt/archives"


class NoPackage(Exception):
    """Where it was looked for, and why it was not found or not taken."""


@dataclass(frozen=True)
class Member:
    """A file or link out of a package."""

    path: str
    data: bytes
    link: str
    mode: int
    uid: int
    gid: int
    folder: bool = False


class Origin(str, Enum):  # noqa: UP042 - StrEnum is younger than Python 3.9
    """Where the files of a package would come from."""

    CACHE = "cache"
    GIVEN = "given"
    REPOSITORY = "repository"
    UNLISTED = "unlisted"  # a repository can be asked, but the guest's lists do not have it
    NOWHERE = "nowhere"


@dataclass
class Sources:
    """Where packages come from, in this order: the guest's cache, folders, its network."""

    folders: Sequence[str] = ()
    network: bool = True
    work: str = "/tmp"
    _good: dict[str, str] = field(default_factory=dict)
    _seen: dict[str, dict[str, list[str]]] = field(default_factory=dict)

    def each(self, wanted: FromPackage, tree: Tree) -> Iterator[str]:
        """The paths of this package, of which a later one serves where an earlier is damaged.

        Raises NoPackage where there is none, or no other.
        """
        key = f"{wanted.package}_{wanted.version}_{wanted.architecture}"
        known = self._good.get(key)
        if known is not None:
            yield known
        for path in self._near(wanted, tree):
            if path != known and _is(path, wanted):
                self._good[key] = path
                yield path
        if not self.network:
            raise NoPackage(f"{wanted.package} {wanted.version} is in no cache or folder given")
        try:
            folder = apt.download(wanted, tree, self.work)
        except apt.NotDownloaded as failure:
            raise NoPackage(f"{wanted.package} {wanted.version}: {failure}") from failure
        for path in below(folder).get(wanted.package, ()):
            if path != known and _is(path, wanted):
                self._good[key] = path
                yield path
        raise NoPackage(f"{wanted.package} {wanted.version} is in no source of the guest's")

    def origin(self, wanted: FromPackage, tree: Tree) -> Origin:
        """Where the files would be taken from; nothing is downloaded."""
        if any(_is_whole(path, wanted) for path in self._cached(wanted, tree)):
            return Origin.CACHE
        if any(_is_whole(path, wanted) for path in self._given(wanted)):
            return Origin.GIVEN
        if not self.network or not apt.has_server(tree):
            return Origin.NOWHERE
        return Origin.REPOSITORY if apt.is_listed(wanted, tree) else Origin.UNLISTED

    def _near(self, wanted: FromPackage, tree: Tree) -> Iterator[str]:
        yield from self._cached(wanted, tree)
        yield from self._given(wanted)

    def _cached(self, wanted: FromPackage, tree: Tree) -> Iterator[str]:
        cache = tree.resolve(CACHE)
        if cache is not None:
            yield from self._below(tree.here(cache), 0).get(wanted.package, ())

    def _given(self, wanted: FromPackage) -> Iterator[str]:
        for folder in self.folders:
            yield from self._below(folder, MOST_DEEP).get(wanted.package, ())

    def _below(self, folder: str, deep: int) -> dict[str, list[str]]:
        if folder not in self._seen:
            self._seen[folder] = below(folder, deep)
        return self._seen[folder]


def below(folder: str, deep: int = MOST_DEEP) -> dict[str, list[str]]:
    """Package name -> files of that name in the folder, and ``deep`` folders below: as in a cache,
    on an installer's ISO or in a mirror. No link is followed.
    """
    found: dict[str, list[str]] = {}
    left = MOST_NAMES
    for at, folders, names in os.walk(folder):
        if at[len(folder.rstrip("/")) :].count("/") >= deep:
            folders.clear()
        folders.sort()
        for name in sorted(names):
            left -= 1
            if name.endswith(".deb") and "_" in name:
                found.setdefault(name.partition("_")[0], []).append(os.path.join(at, name))
        left -= len(folders)
        if left <= 0:
            break
    return found


def _is(path: str, wanted: FromPackage) -> bool:
    if os.path.islink(path) or not os.path.isfile(path):
        return False
    done = run(["dpkg-deb", "-f", path, "Package", "Version", "Architecture"])
    fields = dict(line.partition(": ")[::2] for line in done.stdout.splitlines())
    return (
        fields.get("Package") == wanted.package
        and fields.get("Version") == wanted.version
        and fields.get("Architecture") in (wanted.architecture, "all")
    )


def _is_whole(path: str, wanted: FromPackage) -> bool:
    """Whether it is that package, and every file that is wanted of it is what it should be."""
    try:
        return _is(path, wanted) and all(one.path for one in members(path, wanted))
    except NoPackage:
        return False


@contextmanager
def _tar_of(path: str) -> Iterator[tarfile.TarFile]:
    with subprocess.Popen(
        ["dpkg-deb", "--fsys-tarfile", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        try:
            with tarfile.open(fileobj=process.stdout, mode="r|") as tar:
                yield tar
        except (tarfile.TarError, EOFError) as failure:
            raise NoPackage(f"{_name(path)} is damaged: {plain(str(failure))}") from failure
        finally:
            process.kill()


def _name(path: str) -> str:
    return plain(os.path.basename(path))


def members(path: str, wanted: FromPackage) -> Iterator[Member]:
    """The wanted files, folders and links of the package, each verified. Raises NoPackage."""
    missing = {canonical(one, wanted.usr) for one in wanted.paths}
    hard: dict[str, str] = {}
    with _tar_of(path) as tar:
        for info in tar:
            name = canonical(info.name, wanted.usr)
            if name not in missing:
                continue
            missing.discard(name)
            if info.islnk():
                hard[name] = canonical(info.linkname, wanted.usr)
            else:
                yield _member(tar, info, name, wanted, path)
            if not missing:
                break
    if missing:
        raise NoPackage(f"{_name(path)} does not hold {plain(sorted(missing)[0])}")
    if hard:
        yield from _hard_links(path, hard, wanted)


def _hard_links(path: str, hard: dict[str, str], wanted: FromPackage) -> Iterator[Member]:
    """Names whose content lies under another name, earlier in the package: it is read once more."""
    targets = set(hard.values())
    with _tar_of(path) as tar:
        for info in tar:
            target = canonical(info.name, wanted.usr)
            if target not in targets or not info.isfile():
                continue
            data = _data(tar, info, target)
            for name in sorted(one for one, other in hard.items() if other == target):
                _verify(data, name, wanted, path)
                yield Member(name, data, "", info.mode, info.uid, info.gid)


def _member(
    tar: tarfile.TarFile, info: tarfile.TarInfo, name: str, wanted: FromPackage, path: str
) -> Member:
    if info.issym():
        return Member(name, b"", info.linkname, 0o777, info.uid, info.gid)
    if info.isdir():
        return Member(name, b"", "", info.mode, info.uid, info.gid, folder=True)
    data = _data(tar, info, name)
    _verify(data, name, wanted, path)
    return Member(name, data, "", info.mode, info.uid, info.gid)


def _verify(data: bytes, name: str, wanted: FromPackage, path: str) -> None:
    expected = wanted.digests.get(name) or _own_sums(path, wanted.usr).get(name)
    if expected is None:
        raise NoPackage(f"nothing says what {plain(name)} in {_name(path)} should be")
    if hashlib.md5(data, usedforsecurity=False).hexdigest() != expected:
        raise NoPackage(f"{plain(name)} in {_name(path)} is not the file that the database names")


def _own_sums(path: str, usr: Usr) -> dict[str, str]:
    """What the package says of its own files; nothing about those that an owner may edit."""
    return sums_of(run(["dpkg-deb", "-I", path, "md5sums"]).stdout, usr)


def _data(tar: tarfile.TarFile, info: tarfile.TarInfo, name: str) -> bytes:
    file = tar.extractfile(info) if info.isfile() else None
    if file is None or info.size > MOST_MEMBER:
        raise NoPackage(f"{plain(name)} is no regular file in its package")
    return file.read()
