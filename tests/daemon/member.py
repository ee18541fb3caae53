"""A user at the command line of a machine of its own, and what they get to see."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from tests.daemon.account import User
from tests.daemon.machine import DEADLINE_S, IMAGES, Machine, environment
from tests.libvirt.command import Answer

PASSWORD: Final = "Quiet-Word-5"


@dataclass(frozen=True)
class Member:
    """Runs ``lifebuoy`` as ``user`` of ``machine``; ``uri`` empty: they name no libvirt."""

    machine: Machine
    user: User
    uri: str = ""
    images: str = IMAGES

    def __call__(self, *words: str, stdin: str = "") -> Answer:
        done = subprocess.run(
            self.words(*words),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
            env=self.environment(),
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    def enter(self, name: str, *words: str) -> Answer:
        """Enter rescue mode with the usual password; the answer is JSON."""
        told = ("rescue", "enter", name, "--password-stdin", "--json", *words)
        return self(*told, stdin=PASSWORD + "\n")

    def words(self, *words: str) -> list[str]:
        where = ["--connect", self.uri] if self.uri else []
        return self.machine.lifebuoy_words(self.user, *where, *words)

    def environment(self) -> dict[str, str]:
        return environment(self.user, images=self.images)

    @contextmanager
    def running(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        """The command under way, its notes readable; killed at the end if it still runs."""
        process = subprocess.Popen(
            self.words(*words),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment(),
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe:
                    pipe.close()

    def killed_at(self, step: str, *words: str) -> str:
        """Cut the command off by SIGKILL as soon as it says that ``step`` begins."""
        with self.running(*words) as process:
            assert process.stdin and process.stderr
            process.stdin.write(PASSWORD + "\n")
            process.stdin.close()
            said = ""
            for line in process.stderr:
                said += line
                if line.startswith(f"{step} ..."):
                    process.kill()
                    return said
        raise AssertionError(f"'{step}' never began: {said}")


def pool(machine: Machine) -> list[str]:
    """What is in the pool's folder, seen by the host's root."""
    folder = machine.path("/var/lib/lifebuoy/media")
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def definition(machine: Machine, name: str) -> str:
    """The definition as its administrator sees it, with its secrets."""
    return machine.virsh("dumpxml", "--inactive", "--security-info", name)
