"""The server's own TLS: a certificate and its key in files, read again when they are renewed."""

from __future__ import annotations

import os
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lifebuoy.errors import BadInput

#: How often it is looked whether the files are others.
_LOOK_S: Final = 2.0
#: What nobody else may have of a key; a group of its readers is usual.
_TOO_OPEN: Final = 0o027


@dataclass(frozen=True, slots=True)
class Files:
    """PEM files: the certificate with those between it and the authority, and its key."""

    certificate: Path
    key: Path


class Certificate:
    """A context for connections that always has the pair of the files as they were last good."""

    def __init__(self, files: Files) -> None:
        """Read the files.

        Raises:
            BadInput: one cannot be read, they are no pair, or others may read the key.
        """
        self.context = _context()
        self._files = files
        self._seen = _look(files)
        self._load()

    def follow(self, stopping: threading.Event, told: Callable[[str], None]) -> None:
        """Take renewed files until ``stopping``; ``told`` hears in words what became of them."""
        while not stopping.wait(_LOOK_S):
            found = _look(self._files)
            if found == self._seen:
                continue
            self._seen = found
            try:
                self._load()
                told("the certificate was renewed")
            except BadInput as error:  # perhaps one of the two is not written yet
                told(f"{error.message}; the certificate is the one before")

    def _load(self) -> None:
        """Read both once, so that what is tried first is what is taken."""
        _require_private(self._files.key)
        with _copy(self._files.certificate) as certificate, _copy(self._files.key) as key:
            for context in (_context(), self.context):
                try:
                    context.load_cert_chain(certificate, key, password=lambda: b"")
                except (ssl.SSLError, ValueError) as error:
                    why = getattr(error, "reason", "") or "it is not PEM"
                    raise BadInput(
                        f"{self._files.certificate} and {self._files.key} are no certificate and "
                        f"its key: {why}",
                        hint="PEM files: the certificate first, and a key without a passphrase",
                    ) from None


def files_of(certificate: Path | None, key: Path | None, origin: str) -> Files | None:
    """The files of the settings; None for no TLS of its own.

    Raises:
        BadInput: one without the other, or browsers are told to come without TLS.
    """
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise BadInput("server.tls_certificate and server.tls_key go together")
    if origin.startswith("http:"):
        raise BadInput(
            "with server.tls_certificate, server.origin cannot be of http", hint="https://..."
        )
    return Files(certificate, key)


def _context() -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_alpn_protocols(["http/1.1"])
    return made


def _require_private(key: Path) -> None:
    try:
        mode = key.stat().st_mode
    except OSError as error:
        raise BadInput(f"cannot read {key}: {error.strerror}") from error
    if mode & _TOO_OPEN:
        raise BadInput(
            f"others may read or write the key {key} (mode {mode & 0o777:04o})",
            hint=f"chmod 0600 {key}; or 0640 with a group of those who may",
        )


@contextmanager
def _copy(path: Path) -> Iterator[str]:
    """The name of a copy in memory, which nobody changes meanwhile."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from error
    descriptor = os.memfd_create("lifebuoy-tls", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, content)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def _look(files: Files) -> tuple[tuple[int, int, int] | None, ...]:
    """What tells files apart that were written anew."""
    return tuple(_facts(path) for path in (files.certificate, files.key))


def _facts(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size
