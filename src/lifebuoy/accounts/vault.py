"""Secrets that must be read again, such as those of second factors: sealed with a key that is kept
in a file of the server's user, so that the database alone, or a backup of it, tells none of them.
"""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path
from typing import Final

from cryptography.fernet import Fernet, InvalidToken

from lifebuoy.errors import BadInput, VaultClosed

#: In the state folder, where the settings name no other file.
FILE: Final = "server.key"


class Vault:
    """Seals and opens. Each secret is sealed for something, and opens for that alone: whoever can
    write to the database cannot pass one's own off as somebody else's."""

    def __init__(self, key: bytes) -> None:
        """A vault of that key: 32 bytes as URL-safe base64."""
        self._fernet = Fernet(key)

    def seal(self, secret: str, purpose: str) -> str:
        """What may be kept of ``secret``."""
        return self._fernet.encrypt(f"{purpose}\n{secret}".encode()).decode()

    def open(self, sealed: str, purpose: str, *, within_s: int | None = None) -> str:
        """The secret; only if it was sealed in the last ``within_s`` seconds, where that is said.

        Raises:
            VaultClosed: it was sealed with another key, for something else, or too long ago.
        """
        try:
            text = self._fernet.decrypt(sealed.encode("utf-8", "replace"), within_s).decode()
        except InvalidToken:
            raise _closed() from None
        found, _, secret = text.partition("\n")
        if found != purpose:
            raise _closed()
        return secret


def open_vault(path: Path) -> Vault:
    """The vault whose key is in that file, which is made where there is none.

    Raises:
        BadInput: the file cannot be used, or others could read it.
    """
    try:
        if not path.exists():
            _make(path)
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise BadInput(f"others than its user can read {path}", hint=f"chmod 0600 {path}")
        return Vault(path.read_bytes().strip())
    except OSError as error:
        raise BadInput(f"cannot use {path}: {error.strerror}") from error
    except ValueError:
        raise BadInput(
            f"{path} holds no key", hint="move it away: the next start makes another"
        ) from None


def _make(path: Path) -> None:
    """Whole or not at all; of two servers that start at the same time one makes it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=".key-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(Fernet.generate_key() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(name, path)
    except FileExistsError:
        pass  # the other one's counts
    finally:
        Path(name).unlink()


def _closed() -> VaultClosed:
    return VaultClosed(
        "what was sealed does not open with this server's key",
        hint="servers that share a database share the file of the key: server.key_file",
    )
