"""An SSH server of a machine's own, on 127.0.0.1: the only way in for a user elsewhere."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lab import login
from tests.daemon.account import User
from tests.daemon.machine import Machine

PROGRAM: Final = "/usr/sbin/sshd"
_CONFIG: Final = """
ListenAddress 127.0.0.1
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile {folder}/pid
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
LogLevel DEBUG1
"""
_CUT: Final = (
    'all=$(cat "$0"); new=$all; while [ -n "$new" ]; do '
    'new=$(for p in $new; do pgrep -P $p; done); all="$all $new"; done; kill -9 $all || true'
)


@dataclass(frozen=True)
class Server:
    """A running one. ``host_key`` is its line for known_hosts."""

    machine: Machine
    folder: str
    port: int
    host_key: str

    def log(self) -> str:
        """What it did so far."""
        return self.machine.path(f"{self.folder}/log").read_text(errors="replace")

    def serve(self) -> None:
        """Let users in; it is done by ``start`` and needed after ``cut`` only."""
        words = (PROGRAM, "-f", f"{self.folder}/config", "-E", f"{self.folder}/log")
        self.machine.as_root(*words)

    def cut(self) -> None:
        """End it with every connection that it serves."""
        self.machine.as_root("sh", "-c", _CUT, f"{self.folder}/pid")


def start(machine: Machine, name: str, public_key: str, *options: str) -> Server:
    """A server that lets the owner of ``public_key`` in; it ends with the machine.

    ``options`` are further lines of its configuration; the first of a kind counts.
    """
    folder = f"/run/{name}"
    outside = machine.path(folder)
    outside.mkdir()
    make_key(outside / "host_key")
    outside.joinpath("authorized_keys").write_text(public_key)
    port = login.free_port()
    lines = (*options, f"Port {port}", _CONFIG.format(folder=folder))
    outside.joinpath("config").write_text("\n".join(lines))
    key = outside.joinpath("host_key.pub").read_text()
    server = Server(machine, folder, port, f"[127.0.0.1]:{port} {key}")
    server.serve()
    return server


def make_key(file: Path, owner: User | None = None) -> str:
    """A key pair without a passphrase, for ``owner`` or root; returns the public half."""
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", file.name, "-f", str(file)]
    subprocess.run(words, check=True)
    public = file.with_name(file.name + ".pub")
    if owner is not None:
        for made in (file, public):
            made.chmod(0o600)
            subprocess.run(["chown", f"{owner.number}:{owner.number}", str(made)], check=True)
    return public.read_text()
