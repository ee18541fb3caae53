"""A user of another machine, who reaches the host by SSH and nothing else."""

from __future__ import annotations

import os
from typing import Final

from tests.daemon import sshd
from tests.daemon.account import User
from tests.daemon.machine import Machine
from tests.daemon.sshd import Server

ELSEWHERE: Final = User("lb-elsewhere", 61003)
_KEY: Final = "to the host"


def make_keys(laptop: Machine) -> None:
    """A key for the host, and one of the user's own for guests."""
    keys = laptop.path(f"{ELSEWHERE.home}/.ssh")
    keys.mkdir(mode=0o700)
    os.chown(keys, ELSEWHERE.number, ELSEWHERE.number)
    sshd.make_key(keys / _KEY, ELSEWHERE)
    sshd.make_key(keys / "id_ed25519", ELSEWHERE)


def public_key(laptop: Machine, name: str = _KEY) -> str:
    """The public half of a key of the user's."""
    return laptop.path(f"{ELSEWHERE.home}/.ssh/{name}.pub").read_text()


def know(laptop: Machine, server: Server) -> None:
    """Have the user's ssh trust a server."""
    with laptop.path(f"{ELSEWHERE.home}/.ssh/known_hosts").open("a") as known:
        known.write(server.host_key)


def uri(server: Server, member: User) -> str:
    """The host's libvirt, as ``member`` of its group libvirt."""
    key = f"{ELSEWHERE.home}/.ssh/{_KEY}".replace(" ", "%20")
    return f"qemu+ssh://{member.name}@127.0.0.1:{server.port}/system?keyfile={key}&no_tty=1"
