"""What was built once is kept: a folder outside the checkout, entries named by their content.

An entry is a folder that appears whole or not at all, whatever interrupts its making. Two
builders of one entry wait for each other; the second finds what the first has made.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

FORMAT = 1  # raise it when the layout of entries changes: all are then built anew


def folder(environment: Mapping[str, str]) -> Path:
    """The cache folder that this environment asks for (not made here)."""
    if chosen := environment.get("LIFEBUOY_CACHE"):
        return Path(chosen) / "lab"
    base = environment.get("XDG_CACHE_HOME")
    home = Path(base) if base else Path(environment.get("HOME", "~")).expanduser() / ".cache"
    return home / "lifebuoy" / "lab"


def key(*inputs: str) -> str:
    """Sixteen hex digits that change when any input, or the order of inputs, does."""
    digest = hashlib.sha256(f"format {FORMAT}\n".encode())
    for text in inputs:
        data = text.encode()
        digest.update(f"{len(data)}:".encode() + data)
    return digest.hexdigest()[:16]


def keep(base: Path, name: str, entry_key: str, build: Callable[[Path], None]) -> Path:
    """The folder of the entry; ``build`` fills a new one where it is missing.

    ``build`` gets an empty folder on the same file system. If it raises, also by an
    interrupt, that folder is removed and nothing takes the entry's name.
    """
    final = base / f"{name}-{entry_key}"
    if final.is_dir():
        return final
    base.mkdir(parents=True, exist_ok=True)
    with _locked(base / f".{final.name}.lock"):
        if final.is_dir():
            return final
        partial = base / f".{final.name}.partial"
        if partial.exists():  # left by a killed builder: the lock says that it is nobody's now
            shutil.rmtree(partial)
        partial.mkdir()
        try:
            build(partial)
            partial.rename(final)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
    return final


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
