"""A PostgreSQL server of a test's own: in its own folder, on loopback, by an unprivileged user."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_START_S: Final = 60
_USER: Final = 65534
_PROGRAMS: Final = Path("/usr/lib/postgresql")


@dataclass(frozen=True)
class Server:
    """A server; any process may stop, kill and start it. Everybody on loopback is let in."""

    folder: Path
    port: int
    programs: Path

    def url(self, name: str) -> str:
        """The URL of a database of that name, as the setting takes it."""
        return f"postgresql://lifebuoy@127.0.0.1:{self.port}/{name}"

    def create(self, name: str, *, like: str = "template1") -> str:
        """A new database, empty or a copy of another that nobody uses; its URL."""
        self._run("createdb", *self._where(), "-T", like, name)
        # Without it the next numbers of a copy's sequences would be given twice after a crash.
        self._run("psql", *self._where(), "-d", "postgres", "-qXc", "CHECKPOINT")
        return self.url(name)

    def drop(self, name: str) -> None:
        """Remove a database if there is one, whoever uses it."""
        self._run("dropdb", *self._where(), "--if-exists", "--force", name)

    def start(self) -> None:
        """Start it and wait until it answers; nothing where it runs."""
        if not self.running:
            self._run(*self.starting())

    def starting(self) -> list[str]:
        """The command line that starts it, for ``as_somebody``."""
        options = {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.folder),
            "max_connections": "300",
        }
        told = shlex.join(f"-c{key}={value}" for key, value in options.items())
        return [*self._control("start"), "-l", str(self.folder / "log"), "-o", told]

    def stop(self) -> None:
        """End it at once as a crash does, cutting every connection off."""
        if self.running:
            self._run(*self._control("stop"), "-m", "immediate")

    def restart(self) -> None:
        """End it in good order, cutting every connection off, and start it again."""
        self._run(*self._control("restart"), "-m", "fast")

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """In the block it does nothing at all, while its kernel takes what is sent to it."""
        first = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        stopped = []
        try:
            for pid in _family(first):
                os.kill(pid, signal.SIGSTOP)
                stopped.append(pid)
            yield
        finally:
            for pid in reversed(stopped):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    @property
    def running(self) -> bool:
        """Whether it has been started and not ended."""
        words = [str(self.programs / "pg_ctl"), "-D", str(self.folder / "data"), "status"]
        done = subprocess.run(words, capture_output=True, cwd="/", check=False, **as_somebody())
        return done.returncode == 0

    @property
    def answers(self) -> bool:
        """Whether it lets somebody in."""
        words = [str(self.programs / "pg_isready"), *self._where(), "-q"]
        return subprocess.run(words, cwd="/", check=False).returncode == 0

    def _where(self) -> list[str]:
        return ["-h", "127.0.0.1", "-p", str(self.port), "-U", "lifebuoy"]

    def _control(self, action: str) -> list[str]:
        data = str(self.folder / "data")
        return [str(self.programs / "pg_ctl"), "-D", data, "-s", "-w", "-t", str(_START_S), action]

    def _run(self, program: str, *words: str) -> None:
        # Nothing of it may be waited for that a server keeps open.
        with (self.folder / "told").open("w+") as told:
            done = subprocess.run(
                [str(self.programs / program), *words],
                stdin=subprocess.DEVNULL,
                stdout=told,
                stderr=told,
                cwd="/",
                check=False,
                **as_somebody(),
            )
            told.seek(0)
            assert done.returncode == 0, f"{program} {words}: {told.read()[-2000:]}"


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
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def as_somebody() -> dict[str, Any]:
    """Root may not run a server."""
    if os.geteuid() != 0:
        return {}
    return {"user": _USER, "group": _USER, "extra_groups": []}


def _family(pid: int) -> Iterator[int]:
    """The process and then its children, of which none is born once it is stopped."""
    yield pid
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(path.read_text().rpartition(")")[2].split()[1]) == pid:
                yield int(path.parent.name)


def _free_port() -> int:
    with closing(socket.socket()) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
