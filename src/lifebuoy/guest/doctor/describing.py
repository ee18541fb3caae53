"""Changes in words: a line each for a report, a diff for ``--dry-run``."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Iterator

from .change import (
    Change,
    CheckFileSystem,
    FromPackage,
    MakeFolder,
    MakeLink,
    PutFile,
    Relabel,
    Remove,
    RunInside,
    RunOutside,
    SetMode,
    WriteBlocks,
)
from .model import Repair
from .naming import plain
from .tree import Tree

LONGEST_DIFF = 64 << 10


def plan(repair: Repair) -> list[str]:
    """What the repair would do, a line a change."""
    return [line(change) for change in repair.changes]


def line(change: Change) -> str:
    """One change in a line."""
    if isinstance(change, PutFile):
        beside = ", the old one kept beside it" if change.beside else ""
        return f"write {change.path} ({len(change.data)} bytes{beside})"
    if isinstance(change, MakeLink):
        return f"link {change.path} -> {change.target}"
    if isinstance(change, MakeFolder):
        return f"make the folder {change.path}"
    if isinstance(change, SetMode):
        return f"set {change.path} to {change.mode:04o}, owner {change.uid}:{change.gid}"
    if isinstance(change, Relabel):
        return f"make {change.path}: SELinux labels all files at the next start, and starts again"
    if isinstance(change, Remove):
        return f"remove {change.path}"
    if isinstance(change, WriteBlocks):
        return f"write {len(change.data)} bytes at {change.offset} of {change.disk}: {change.what}"
    if isinstance(change, CheckFileSystem):
        return f"run on {change.volume}: {shlex.join(change.argv)}"
    if isinstance(change, FromPackage):
        paths = list(change.paths)
        shown = ", ".join(paths[:4]) + (f" and {len(paths) - 4} more" if len(paths) > 4 else "")
        return f"put back from {change.package} {change.version}: {shown}"
    if isinstance(change, RunOutside):
        return f"run over the guest's root: {shlex.join(change.argv)}"
    return f"run in the guest's root: {shlex.join(change.argv)}"


def diff(change: Change, tree: Tree | None) -> Iterator[str]:
    """The change as a diff against what is there now."""
    yield line(change)
    if isinstance(change, PutFile) and tree is not None and _is_text(change.data):
        old = tree.read(change.path, LONGEST_DIFF) or b""
        if _is_text(old):
            for text in difflib.unified_diff(
                old.decode("utf-8", "replace").splitlines(),
                change.data.decode("utf-8", "replace").splitlines(),
                f"a{change.path}",
                f"b{change.path}",
                lineterm="",
            ):
                yield "    " + plain(text, 400)
    if isinstance(change, (RunInside, RunOutside)) and change.saves:
        yield "    replaces " + ", ".join(change.saves)


def _is_text(data: bytes) -> bool:
    return len(data) <= LONGEST_DIFF and b"\0" not in data
