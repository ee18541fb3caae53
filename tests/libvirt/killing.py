"""The command line as a process that is killed: at the beginning of a step, with nothing said."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.libvirt.command import DEADLINE_S, Command


@dataclass(frozen=True)
class OnDaemon(Command):
    """The command against the private daemon; its pool goes into the daemon user's home."""

    data_home: str = ""

    def environment(self) -> dict[str, str]:
        return super().environment() | {"XDG_DATA_HOME": self.data_home, "COLUMNS": "200"}


@contextmanager
def running(command: Command, *words: str) -> Iterator[subprocess.Popen[str]]:
    """The command as a process of its own; it has ended afterwards."""
    with subprocess.Popen(
        command.words(*words),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=command.environment(),
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def killed_at(command: Command, step: str, *words: str) -> None:
    """Run the command and end it with SIGKILL as soon as it says that ``step`` begins."""
    with running(command, *words) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith(f"{step} ..."):
                process.kill()
                break
        else:
            raise AssertionError(f"it never came to '{step}'")
        assert process.wait(DEADLINE_S) == -9
