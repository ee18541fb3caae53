"""A server to measure: ``lifebuoy serve`` over libvirt's play host with so many instances.

A process of its own, as it is run; whoever measures it is another one and shares the processors.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

PASSWORD: Final = "correct horse battery"
_READY_S: Final = 300.0
_END_S: Final = 60.0
_MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Server:
    """A running one. ``key`` is an API key of an admin's, whose name is 'admin'."""

    url: str
    key: str
    process: int

    @property
    def memory_mib(self) -> float:
        """What it holds, its program included."""
        pages = int(Path(f"/proc/{self.process}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / _MIB

    @property
    def processor_s(self) -> float:
        """The time of processors that it has used."""
        fields = Path(f"/proc/{self.process}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def client(self) -> httpx.Client:
        """The admin."""
        headers = {"Authorization": f"Bearer {self.key}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60)


def name_of(number: int) -> str:
    """The name of an instance of the play host."""
    return f"web-{number:05}"


def uuid_of(number: int) -> str:
    """Its UUID."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, name_of(number)))


def play_uri(folder: Path) -> str:
    """The host of a server below ``folder``."""
    return f"test://{folder / 'host.xml'}"


@contextmanager
def serving(folder: Path, instances: int) -> Iterator[Server]:
    """A server for the block; everything of it is below ``folder``."""
    _play_file(folder, instances)
    uri = play_uri(folder)
    environment = (
        os.environ
        | {"HOME": str(folder)}
        | {f"XDG_{kind}_HOME": str(folder / kind) for kind in ("CONFIG", "STATE", "CACHE", "DATA")}
    )
    environment["LIFEBUOY_HOST_TIMEOUT_S"] = "120"

    def command(*words: str) -> list[str]:
        return [sys.executable, "-m", "lifebuoy", "--connect", uri, *words]

    def told(*words: str, given: str = "") -> str:
        done = subprocess.run(
            command(*words),
            env=environment,
            input=given,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    told("account", "add", "admin", "--role", "admin", "--password-stdin", given=PASSWORD + "\n")
    scopes = ("--scope", "read", "--scope", "act")
    key = str(json.loads(told("api-key", "add", "admin", *scopes, "--json"))["key"])
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            command("serve", "--listen", "127.0.0.1:0", "--json"),
            env=environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        server = Server(url, key, process.pid)
        _wait(server, instances)
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(_END_S)


def _wait(server: Server, instances: int) -> None:
    """Until the list has all of them."""
    deadline = time.monotonic() + _READY_S
    with server.client() as client:
        while True:
            found = client.get("/api/v1/instances").json()
            if found.get("total") == instances:
                return
            assert time.monotonic() < deadline, found
            time.sleep(0.5)


def _play_file(folder: Path, instances: int) -> None:
    """The definition of a play host."""
    text = "".join(_domain(number) for number in range(instances))
    (folder / "host.xml").write_text(f"<node>{text}</node>")


def _domain(number: int) -> str:
    return (
        f"<domain type='test'><name>{name_of(number)}</name><uuid>{uuid_of(number)}</uuid>"
        "<memory unit='MiB'>2048</memory><vcpu>2</vcpu>"
        "<os><type arch='x86_64'>hvm</type></os><devices><disk type='file' device='disk'>"
        f"<source file='/disks/{name_of(number)}.img'/><target dev='vda' bus='virtio'/></disk>"
        "<interface type='network'><source network='default'/>"
        f"<mac address='52:54:00:00:{number >> 8 & 255:02x}:{number & 255:02x}'/></interface>"
        "</devices></domain>"
    )
