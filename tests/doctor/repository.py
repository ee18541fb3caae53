"""An apt repository of one package, on the loopback: signed, or not, or by a stranger."""

from __future__ import annotations

import gzip
import hashlib
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

_DATE: Final = "Thu, 01 Jan 2026 00:00:00 UTC"
TIMEOUT_S: Final = 60


@dataclass(frozen=True)
class Key:
    """A key made for a test, in a folder of its own."""

    home: Path

    def public(self, target: Path) -> Path:
        """The half that a guest has."""
        target.write_bytes(self._gpg("--export"))
        return target

    def sign(self, text: bytes) -> bytes:
        """The text with its signature."""
        return self._gpg("--clearsign", stdin=text)

    def _gpg(self, *words: str, stdin: bytes = b"") -> bytes:
        return _gpg(self.home, *words, stdin=stdin)


@contextmanager
def key(home: Path, name: str) -> Iterator[Key]:
    """A fresh key; what gpg leaves running is ended."""
    home.mkdir(mode=0o700)
    words = ("--passphrase", "", "--quick-gen-key", name, "ed25519", "sign", "never")
    try:
        _gpg(home, *words)
        yield Key(home)
    finally:
        subprocess.run(
            ["gpgconf", "--homedir", str(home), "--kill", "all"], check=False, timeout=TIMEOUT_S
        )


def _gpg(home: Path, *words: str, stdin: bytes = b"") -> bytes:
    command = ["gpg", "--homedir", str(home), "--batch", "--pinentry-mode", "loopback", *words]
    done = subprocess.run(command, input=stdin, capture_output=True, check=True, timeout=TIMEOUT_S)
    return done.stdout


def fill(folder: Path, package: Path, signer: Key | None) -> None:
    """Make ``folder`` a repository of the suite 'test' with the package."""
    pool, index = folder / "pool", folder / "dists/test/main/binary-amd64"
    for one in (pool, index):
        one.mkdir(parents=True)
    (pool / package.name).hardlink_to(package)
    control = subprocess.run(
        ["dpkg-deb", "-f", str(package)], capture_output=True, check=True, timeout=TIMEOUT_S
    ).stdout.decode()
    data = package.read_bytes()
    facts = {
        "Filename": f"pool/{package.name}",
        "Size": str(len(data)),
        "SHA256": hashlib.sha256(data).hexdigest(),
    }
    entry = control.rstrip() + "".join(f"\n{name}: {text}" for name, text in facts.items()) + "\n"
    (index / "Packages").write_text(entry)
    (index / "Packages.gz").write_bytes(gzip.compress(entry.encode(), mtime=0))
    sums = "".join(
        f" {hashlib.sha256(path.read_bytes()).hexdigest()} {path.stat().st_size} "
        f"main/binary-amd64/{path.name}\n"
        for path in sorted(index.iterdir())
    )
    head = f"Suite: test\nCodename: test\nDate: {_DATE}\nArchitectures: amd64\nComponents: main\n"
    release = f"{head}SHA256:\n{sums}".encode()
    if signer is None:
        (folder / "dists/test/Release").write_bytes(release)
    else:
        (folder / "dists/test/InRelease").write_bytes(signer.sign(release))


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        return


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The URL of the folder, on 127.0.0.1, for the block."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
