"""The changes that repairs are made of: pure data, each with a line that says what it does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Union

from .usr import Usr


@dataclass(frozen=True)
class PutFile:
    """The file ``path`` of the guest gets this content; folders on the way are made.

    ``mode``, ``uid`` and ``gid`` None: as the file has them now, else 0644 root:root.
    ``beside``: the old file stays next to it, for the owner who edited it; in /etc it always does.
    """

    path: str
    data: bytes
    mode: int | None = None
    uid: int | None = None
    gid: int | None = None
    beside: bool = False


@dataclass(frozen=True)
class MakeLink:
    """``path`` becomes a symbolic link to ``target``."""

    path: str
    target: str


@dataclass(frozen=True)
class MakeFolder:
    """``path`` becomes a folder."""

    path: str
    mode: int = 0o755
    uid: int = 0
    gid: int = 0


@dataclass(frozen=True)
class SetMode:
    """Owner and mode of something that is there."""

    path: str
    mode: int
    uid: int = 0
    gid: int = 0


@dataclass(frozen=True)
class Remove:
    """A file or link goes away."""

    path: str


@dataclass(frozen=True)
class WriteBlocks:
    """Bytes of a disk, at an offset from its start."""

    disk: str
    offset: int
    data: bytes
    what: str


@dataclass(frozen=True)
class CheckFileSystem:
    """A checker over the unmounted file system; ``argv`` has ``{device}`` and ``{undo}`` in it.

    ``accepted`` are the exit codes that mean it is mended.
    """

    volume: str
    argv: Sequence[str]
    accepted: Sequence[int] = (0, 1)


@dataclass(frozen=True)
class RunInside:
    """A program of the guest, run in its root by chroot; ``saves`` are what it replaces."""

    argv: Sequence[str]
    saves: Sequence[str] = ()
    timeout_s: int = 600


@dataclass(frozen=True)
class RunOutside:
    """A program of this system over the guest's mounted root, ``{root}`` in its arguments."""

    argv: Sequence[str]
    saves: Sequence[str] = ()
    timeout_s: int = 600


@dataclass(frozen=True)
class Relabel:
    """SELinux labels every file at the next start; ``path`` is the mark that asks for it."""

    path: str


@dataclass(frozen=True)
class FromPackage:
    """Files come back from the package, in the version that the guest's database names.

    ``digests`` are the MD5 sums that the database has for regular files; links have none. ``usr``
    is how the paths are called.
    """

    package: str
    version: str
    architecture: str
    paths: Sequence[str]
    digests: Mapping[str, str]
    usr: Usr = Usr.MERGED


Change = Union[  # noqa: UP007 - evaluated by Python 3.9
    PutFile,
    MakeLink,
    MakeFolder,
    SetMode,
    Remove,
    WriteBlocks,
    CheckFileSystem,
    RunInside,
    RunOutside,
    Relabel,
    FromPackage,
]
