"""A worker that is started before its database server waits for it, and can be told to stop.

A command does not wait, also where the server's kernel answers and the server does not.
"""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.libvirt import playing
from tests.libvirt.command import Command, until, validated
from tests.postgres import Server

pytestmark = pytest.mark.usefixtures("play_folder")


@dataclass
class Waiting:
    """A worker under way and the events that it has told."""

    process: subprocess.Popen[str]
    events: list[dict[str, Any]] = field(default_factory=list)

    def said(self, words: str) -> bool:
        return any(words in event["event"] for event in list(self.events))

    def listen(self) -> None:
        assert self.process.stdout is not None
        self.events += (validated(line, "worker-event") for line in self.process.stdout)


@pytest.fixture
def server(postgres: Server) -> Iterator[Server]:
    """The server of all tests, stopped; it runs again afterwards."""
    postgres.stop()
    yield postgres
    if not postgres.answers:
        postgres.start()


@pytest.fixture
def lifebuoy(postgres: Server, tmp_path: Path) -> Command:
    """The command of somebody with a play host, whose database is on that server."""
    command = Command(f"test://{playing.play_host(tmp_path, 1)}", tmp_path)
    config = tmp_path / "CONFIG" / "lifebuoy" / "config.toml"
    config.parent.mkdir(parents=True)
    url = postgres.create(f"late_{time.monotonic_ns()}")
    config.write_text(f'database = "{url}?connect_timeout=2"\n')
    return command


@contextmanager
def waiting(lifebuoy: Command, *words: str) -> Iterator[Waiting]:
    with subprocess.Popen(
        lifebuoy.words("worker", "--json", *words),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=lifebuoy.environment(),
    ) as process:
        worker = Waiting(process)
        threading.Thread(target=worker.listen, daemon=True).start()
        try:
            yield worker
        finally:
            process.kill()


def test_a_worker_waits_for_a_server_that_is_started_later(
    lifebuoy: Command, server: Server
) -> None:
    with waiting(lifebuoy) as worker:
        assert until(lambda: worker.said("it is tried again until it can be used"), 30)
        server.start()
        assert until(lambda: worker.said("can be used now"), 60), worker.events
        assert until(lambda: worker.said("connected"), 30), worker.events
        worker.process.send_signal(signal.SIGTERM)
        assert worker.process.wait(30) == 0
    assert worker.said("has ended")


def test_a_worker_that_waits_ends_when_it_is_told_to_and_after_its_timeout(
    lifebuoy: Command, server: Server
) -> None:
    with waiting(lifebuoy) as worker:
        assert until(lambda: worker.said("it is tried again"), 30)
        worker.process.send_signal(signal.SIGTERM)
        assert worker.process.wait(30) == 0
    with waiting(lifebuoy, "--timeout", "1") as late:
        assert late.process.wait(30) == 6
        assert late.process.stderr is not None
        assert validated(late.process.stderr.read(), "error")["error"]["code"] == "database-trouble"


def test_a_command_ends_where_the_server_answers_nobody(
    lifebuoy: Command, postgres: Server
) -> None:
    with postgres.frozen():
        error = lifebuoy("operations", "list", "--json").error()
    assert (error["code"], error["exit_status"]) == ("database-trouble", 6)
    assert lifebuoy("operations", "list").status == 0
