"""The server as it is run: a process of its own on loopback, asked over HTTP."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx

from tests.libvirt.command import Command

PASSWORD: Final = "correct horse battery"
_START_S: Final = 60.0
_END_S: Final = 60.0
V1: Final = "/api/v1"


class Server:
    """``lifebuoy serve`` for ``command``'s user; its log is a file below his home."""

    def __init__(self, command: Command) -> None:
        self.command = command
        self.log = command.home / "server.log"
        self.process: subprocess.Popen[str] | None = None
        self.url = ""

    def start(self, *, until_connected: bool = True) -> None:
        """Start it, where it was before if it ran, and wait until it is connected to its host."""
        listen = self.url.removeprefix("http://") or "127.0.0.1:0"
        words = self.command.words("serve", "--listen", listen, "--json")
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                words,
                env=self.command.environment(),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.log.read_text()
        self.url = json.loads(line)["url"]
        if not until_connected:
            return
        deadline = time.monotonic() + _START_S
        with self.client() as client:
            while client.get("/readyz").json()["connected"] == 0:
                assert time.monotonic() < deadline, self.log.read_text()
                time.sleep(0.1)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it; its exit status."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(_END_S)

    def lines(self) -> list[dict[str, Any]]:
        """What it has logged."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def client(self, key: str = "") -> httpx.Client:
        """Somebody who asks; with an API key or without."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60)

    def account(self, name: str, role: str) -> None:
        """Make an account with the password of all."""
        words = ["account", "add", name, "--role", role, "--password-stdin", "--json"]
        self.command(*words, stdin=PASSWORD + "\n").json("account")

    def key(self, name: str, *scopes: str) -> str:
        """A new API key of an account's."""
        words = [word for scope in scopes for word in ("--scope", scope)]
        made = self.command("api-key", "add", name, *words, "--json").json("api-key")
        return str(made["key"])


@contextmanager
def serving(command: Command, kind: type[Server] = Server) -> Iterator[Server]:
    """A server for the block."""
    server = kind(command)
    server.start()
    try:
        yield server
    finally:
        if server.process is not None and server.process.poll() is None:
            server.end()


def ended(client: httpx.Client, operation: str, timeout_s: float = 60.0) -> dict[str, Any]:
    """The operation once it has ended."""
    deadline = time.monotonic() + timeout_s
    while True:
        found: dict[str, Any] = client.get(f"{V1}/operations/{operation}").json()
        if found["finished"]:
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def events(client: httpx.Client, operation: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The server-sent events of an operation, as they come."""
    with client.stream("GET", f"{V1}/operations/{operation}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        name = ""
        for line in answer.iter_lines():
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                yield name, json.loads(value)


def written(home: Path) -> Iterator[bytes]:
    """The content of every file that a user has."""
    for path in home.rglob("*"):
        if path.is_file() and not path.is_symlink():
            yield path.read_bytes()
