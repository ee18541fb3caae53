"""LUKS among the volumes: opened by a passphrase that is never written down, shown or passed on."""

from __future__ import annotations

import getpass
import subprocess
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from . import ledger, mounting
from .ledger import Ledger
from .raid import CannotOpen
from .volume import Volume

#: asked with what it opens, in words; None: nobody knows one
Ask = Callable[[str], "bytes | None"]
#: argon2 in emulation, on a busy machine
OPEN_S = 600
LONGEST = 4096
_WRONG, _NO_MEMORY = 2, 3


class WrongPassphrase(Exception):
    """The passphrase does not open it."""


def ask_at_terminal(what: str) -> bytes | None:
    """Nothing typed: no more questions about it."""
    return (
        getpass.getpass(f"Passphrase for {what} (empty: leave it closed): ").encode(
            "utf-8", "surrogateescape"
        )
        or None
    )


def nobody(what: str) -> bytes | None:
    """Where nobody can be asked."""
    return None


def running(volume: Volume) -> str | None:
    """The node of what is in it, where somebody has opened it already."""
    for holder in mounting.holders(volume):
        folder = Path("/sys/class/block", holder, "dm")
        if folder.is_dir() and (folder / "uuid").read_text().startswith("CRYPT-"):
            return f"/dev/mapper/{(folder / 'name').read_text().strip()}"
    return None


def unlocked(
    volume: Volume, passphrase: bytes, name: str, opened: Ledger, *, writable: bool
) -> str:
    """The node of what is in it, opened now. Raises WrongPassphrase, CannotOpen, OSError."""
    node = mounting.node_of(volume) if writable else None
    try:
        with nullcontext(node) if node else mounting.attached(volume, writable=writable) as device:
            opened.note(ledger.MAPPING, name)
            words = ["cryptsetup", "open", "--type", "luks", "--key-file", "-"]
            words += [*([] if writable else ["--readonly"]), device, name]
            done = mounting.run(words, OPEN_S, given=passphrase, holds=opened.held)
    except FileNotFoundError as gone:
        raise CannotOpen("this system has no cryptsetup") from gone
    except subprocess.TimeoutExpired as late:
        raise CannotOpen(f"it was not opened within {OPEN_S} s") from late
    if done.returncode == _WRONG:
        raise WrongPassphrase
    if done.returncode == _NO_MEMORY:
        raise CannotOpen("there is too little memory to work its key out")
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise CannotOpen(said[-1] if said else f"cryptsetup ended with {done.returncode}")
    return f"/dev/mapper/{name}"
