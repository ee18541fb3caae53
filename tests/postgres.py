"""A PostgreSQL server of a test's own: in its own folder, on loopback, by an unprivileged user."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

_START_S: Final = 60.0
_USER: Final = 65534
_PROGRAMS: Final = Path("/usr/lib/postgresql")


@dataclass
class Server:
    """A server; it can be stopped, killed and started again. Everybody on loopback is let in."""

    folder: Path
    port: int
    programs: Path
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def url(self, name: str) -> str:
        """The URL of a database of that name, as the setting takes it."""
        return f"postgresql://lifebuoy@127.0.0.1:{self.port}/{name}"

    def create(self, name: str) -> str:
        """A new, empty database; its URL."""
        where = ["-h", "127.0.0.1", "-p", str(self.port), "-U", "lifebuoy"]
        self._run("createdb", *where, name)
        return self.url(name)

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.folder),
            "max_connections": "300",
        }
        words = [f"-c{key}={value}" for key, value in options.items()]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self.programs / "postgres"), "-D", str(self.folder / "data"), *words],
                stdout=log,
                stderr=log,
                cwd="/",
                **_as_somebody(),
            )
        deadline = time.monotonic() + _START_S
        ready = ["-h", "127.0.0.1", "-p", str(self.port), "-q"]
        while subprocess.run([str(self.programs / "pg_isready"), *ready]).returncode != 0:
            assert self._process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline, "PostgreSQL did not start"
            time.sleep(0.1)

    def stop(self) -> None:
        """End it at once, cutting every connection off."""
        if self._process is not None:
            self._process.send_signal(3)  # SIGQUIT: as after a crash
            self._process.wait(30)
            self._process = None

    def _run(self, program: str, *words: str) -> None:
        subprocess.run(
            [str(self.programs / program), *words],
            check=True,
            capture_output=True,
            cwd="/",
            **_as_somebody(),
        )


def find() -> Path | None:
    """The folder of the newest server's programs; None if there is none on this machine."""
    found = sorted(_PROGRAMS.glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


@contextmanager
def serving(folder: Path, programs: Path) -> Iterator[Server]:
    """A running server below ``folder``, which is removed afterwards."""
    folder.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(folder, _USER, _USER)
    server = Server(folder, _free_port(), programs)
    words = ["-D", str(folder / "data"), "-U", "lifebuoy", "-A", "trust", "-N", "-E", "UTF8"]
    server._run("initdb", *words)
    server.start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _as_somebody() -> dict[str, Any]:
    """Root may not run a server."""
    if os.geteuid() != 0:
        return {}
    return {"user": _USER, "group": _USER, "extra_groups": []}


def _free_port() -> int:
    with closing(socket.socket()) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
