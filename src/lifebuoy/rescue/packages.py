"""Debian packages that an owner brings for a repair, as one ISO that the rescue system can read.

An ISO goes as it is; folders, and several of either, go onto one that is made of them. It says what
there is and writes it; putting it into a drive is for others.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lifebuoy.errors import BadInput, NoSpace
from lifebuoy.hypervisor import Progress

# The library that writes an ISO is a tenth of the time of a plain command: loaded where it is used.

#: an ISO's first 16 sectors, and the one that says what it is (ECMA-119, 8.4)
_SECTOR: Final = 2048
_DESCRIPTOR: Final = 16 * _SECTOR
HEAD_BYTES: Final = _DESCRIPTOR + _SECTOR
#: of a file on an ISO beside its content, and of an ISO without files
_ENTRY_BYTES: Final = 2 * _SECTOR
_BARE_BYTES: Final = 1 << 20
_MOST_FILES: Final = 100_000
_MOST_NAMES: Final = 1_000_000
#: Debian's names of packages, versions and architectures have no other characters
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+~%:_-]{0,200}\.deb")


@dataclass(frozen=True, slots=True)
class Source:
    """A folder with packages or an ISO. ``files`` are the packages, or the ISO alone."""

    path: Path
    is_iso: bool
    files: tuple[Path, ...]
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Supply:
    """All that was brought. ``identity`` changes when a file of it does."""

    sources: tuple[Source, ...]
    identity: str

    @property
    def as_it_is(self) -> Path | None:
        """The one ISO that there is and nothing else; None where one must be made."""
        only = self.sources[0]
        return only.path if only.is_iso and len(self.sources) == 1 else None

    @property
    def inner(self) -> int:
        """How many ISOs lie on the medium, as 1.iso and so on."""
        return 0 if self.as_it_is else sum(source.is_iso for source in self.sources)

    @property
    def has_iso(self) -> bool:
        """Whether there is something on it that is not looked into here."""
        return any(source.is_iso for source in self.sources)

    def has_file(self, package: str, version: str, architecture: str) -> bool:
        """Whether a file in a folder is called as that package is, in a cache or in a mirror."""
        versions = {version.replace(":", "%3a"), version.partition(":")[2] or version}
        wanted = {f"{package}_{one}_{architecture}.deb" for one in versions}
        files = (file.name for one in self.sources if not one.is_iso for file in one.files)
        return any(name in wanted for name in files)

    @property
    def size_bytes(self) -> int:
        """The size of the medium; of one that must be made, what it can be at most."""
        size = sum(source.size_bytes for source in self.sources)
        files = sum(len(source.files) for source in self.sources)
        return size if self.as_it_is else size + files * _ENTRY_BYTES + _BARE_BYTES

    @property
    def words(self) -> str:
        """What it is, for people."""
        count = sum(len(source.files) for source in self.sources if not source.is_iso)
        isos = sum(source.is_iso for source in self.sources)
        found = [f"{count} package{'s' * (count != 1)}"] * bool(count)
        found += [f"{isos} ISO{'s' * (isos != 1)}"] * bool(isos)
        return f"{' and '.join(found)}, {-(-self.size_bytes >> 20)} MiB"

    @contextmanager
    def medium(self, progress: Progress | None = None) -> Iterator[Path]:
        """The ISO as a file, for the block. One that is made has no name that could be left.

        Raises:
            NoSpace: this machine has no room to make it.
            BadInput: a file of it cannot be read any more.
        """
        if self.as_it_is:
            yield self.as_it_is
            return
        place = tempfile.gettempdir()
        free = shutil.disk_usage(place).free
        if free < self.size_bytes:
            raise NoSpace(
                f"{place} has {free >> 20} MiB free, {self.size_bytes >> 20} MiB are needed to "
                "make an ISO of the packages",
                hint="name another folder for temporary files in TMPDIR, or bring fewer packages",
            )
        with tempfile.TemporaryFile() as file:
            try:
                _write(self.sources, file, progress)
            except OSError as error:
                raise BadInput(f"no ISO can be made of the packages: {error.strerror}") from error
            file.flush()
            yield Path(f"/proc/self/fd/{file.fileno()}")


def look(paths: Sequence[Path]) -> Supply:
    """What these folders and ISOs have, on this machine.

    Raises:
        BadInput: one is missing, unreadable, has no package in it, or is no ISO.
    """
    sources = tuple(_source(path) for path in dict.fromkeys(path.resolve() for path in paths))
    digest = hashlib.sha256()
    for source in sources:
        for file in source.files:
            found = file.stat()
            digest.update(
                f"{file}\0{found.st_size}\0{found.st_mtime_ns}\0".encode(errors="replace")
            )
    return Supply(sources, digest.hexdigest())


def head_sha256(medium: Path) -> str:
    """What tells the medium from every other: the digest of its head."""
    with medium.open("rb") as file:
        return hashlib.sha256(file.read(HEAD_BYTES)).hexdigest()


def _source(path: Path) -> Source:
    try:
        found = path.stat()
    except OSError as error:
        raise BadInput(f"no packages at {_shown(path)}: {error.strerror}") from error
    if stat.S_ISDIR(found.st_mode):
        return _folder(path)
    if not stat.S_ISREG(found.st_mode):
        raise BadInput(f"{_shown(path)} is neither a folder nor an ISO", hint=_HINT)
    _require_iso(path, found.st_size)
    return Source(path, True, (path,), found.st_size)


_HINT: Final = "give a folder of .deb files, or an ISO with Debian packages such as an installer's"


def _folder(path: Path) -> Source:
    files = tuple(_packages(path))
    if not files:
        raise BadInput(f"no .deb file in {_shown(path)} or below", hint=_HINT)
    return Source(path, False, files, sum(file.stat().st_size for file in files))


def _packages(folder: Path) -> Iterator[Path]:
    """Every package in the folder or below; no folder is entered through a link."""
    left, count = _MOST_NAMES, 0
    for at, folders, names in os.walk(folder, onerror=_unreadable):
        folders.sort()
        left -= len(folders) + len(names)
        for name in sorted(names):
            file = Path(at, name)
            if not _NAME.fullmatch(name) or not file.is_file():
                continue
            if not os.access(file, os.R_OK):
                raise BadInput(f"{_shown(file)} cannot be read")
            count += 1
            yield file
        if left < 0 or count > _MOST_FILES:
            raise BadInput(
                f"there is too much in {_shown(folder)}: more than {_MOST_FILES} packages, or "
                f"{_MOST_NAMES} names",
                hint="give a folder with the packages that are needed: --dry-run names them",
            )


def _unreadable(error: OSError) -> None:
    raise BadInput(f"{_shown(Path(str(error.filename)))} cannot be read: {error.strerror}")


def _require_iso(path: Path, size: int) -> None:
    try:
        with path.open("rb") as file:
            file.seek(_DESCRIPTOR)
            head = file.read(_SECTOR)
    except OSError as error:
        raise BadInput(f"{_shown(path)} cannot be read: {error.strerror}") from error
    if len(head) < _SECTOR or head[:6] != b"\x01CD001":
        raise BadInput(f"{_shown(path)} is no ISO image", hint=_HINT)
    blocks, length = int.from_bytes(head[80:84], "little"), int.from_bytes(head[128:130], "little")
    if blocks * length > size:
        raise BadInput(
            f"{_shown(path)} is cut short: {size} bytes of {blocks * length}",
            hint="copy or download it again",
        )


def _shown(path: Path) -> str:
    """A path fit for a terminal."""
    return f"'{''.join(char if char.isprintable() else '?' for char in str(path))}'"


def _write(sources: Sequence[Source], file: Any, progress: Progress | None) -> None:
    """Packages under their own names, each folder's in one of its own; inner ISOs by number."""
    import pycdlib

    iso = pycdlib.PyCdlib()
    iso.new(interchange_level=3, rock_ridge="1.09", vol_ident="packages")
    try:
        places: dict[Path, str] = {}
        isos = 0
        for source in sources:
            if source.is_iso:
                isos += 1
                _add(iso, source.path, f"/I{isos}.;1", f"{isos}.iso")
                continue
            for number, package in enumerate(source.files):
                if package.parent not in places:
                    name = f"D{len(places)}"
                    places[package.parent] = f"/{name}"
                    iso.add_directory(f"/{name}", rr_name=name.lower())
                _add(iso, package, f"{places[package.parent]}/F{number}.;1", package.name)
        told = progress or _nobody
        iso.write_fp(file, progress_cb=lambda done, total, _opaque: told(done, total))
    except pycdlib.pycdlibexception.PyCdlibException as error:
        raise BadInput(f"no ISO can be made of the packages: {error}") from error
    finally:
        iso.close()


def _nobody(_done: int, _total: int) -> None:
    """A listener that ignores everything."""


def _add(iso: Any, file: Path, path: str, name: str) -> None:
    iso.add_file(str(file), path, rr_name=name, file_mode=0o100444)
