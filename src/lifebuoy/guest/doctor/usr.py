"""Whether /bin, /sbin and /lib lead into /usr or, as on older systems, are folders of their own."""

from __future__ import annotations

from enum import Enum

from .tree import Tree

NAMES = ("bin", "sbin", "lib", "lib64", "lib32", "libx32")
#: of these a merged system has links, and no system is without them
_FIRST = ("bin", "sbin", "lib")
_MERGED = tuple(f"{name}/" for name in NAMES)
#: what only a merged system has in /usr, where no name in / tells any more
_MOVED = ("/usr/bin/sh", "/usr/bin/bash", "/usr/sbin/init", "/usr/lib/systemd/systemd")


class Usr(str, Enum):  # noqa: UP042 - StrEnum is younger than Python 3.9
    """The two shapes of a system; a damaged one has the shape that it had before."""

    MERGED = "merged"
    SPLIT = "split"


def shape(tree: Tree) -> Usr:
    """By the links and folders that are left; by what is in /usr where none is.

    One folder among links is a damaged merged system: no package manager makes that.
    """
    links = [name for name in _FIRST if tree.link(f"/{name}") is not None]
    folders = [name for name in _FIRST if tree.is_folder(f"/{name}")]
    if links or (not folders and any(tree.lstat(path) for path in _MOVED)):
        return Usr.MERGED
    return Usr.SPLIT


def canonical(path: str, usr: Usr = Usr.MERGED) -> str:
    """The one name of a path: where it is on a merged system; on a split one it has no other."""
    inner = path.lstrip("/")
    if inner.startswith("./"):
        inner = inner[2:]
    moved = usr is Usr.MERGED and inner.startswith(_MERGED)
    return f"/usr/{inner}" if moved else f"/{inner}"


def other(path: str) -> str:
    """The name that the path has on a system of the other shape; itself where it is the same."""
    inner = path.removeprefix("/usr") if path.startswith("/usr/") else f"/usr{path}"
    return inner if path.removeprefix("/usr").lstrip("/").startswith(_MERGED) else path
