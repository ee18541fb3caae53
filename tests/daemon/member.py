"""A user at the command line of a machine of its own, and what the commands answer."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
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
        """The command line."""
        where = ["--connect", self.uri] if self.uri else []
        return self.machine.lifebuoy_words(self.user, *where, *words)

    def environment(self) -> dict[str, str]:
        """What goes with it."""
        return environment(self.user, images=self.images)

    @contextmanager
    def running(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        """The command under way; killed at the end of the block if it still runs."""
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
            process.communicate()

    def at_a_terminal(self, *words: str, wanted: str, typed: bytes) -> str:
        """Run it at a terminal, type once ``wanted`` shows; all that was shown.

        It must succeed.
        """
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            self.words(*words), stdin=theirs, stdout=theirs, stderr=theirs, env=self.environment()
        )
        os.close(theirs)
        shown = ""
        try:
            while select.select([ours], [], [], DEADLINE_S)[0]:
                shown += os.read(ours, 65536).decode(errors="replace")
                if typed and wanted in shown:
                    time.sleep(0.3)  # what is typed before the terminal is raw is thrown away
                    os.write(ours, typed)
                    typed = b""
        except OSError:
            pass  # Linux ends a terminal so
        finally:
            os.close(ours)
        try:
            status = process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            status = process.wait()
        assert status == 0, shown
        return shown

    def killed_at(self, step: str, *words: str) -> None:
        """Cut the command off by SIGKILL as soon as it says that ``step`` begins."""
        said = ""
        with self.running(*words) as process:
            assert process.stderr
            for line in process.stderr:
                said += line
                if line.startswith(f"{step} ..."):
                    return
        raise AssertionError(f"'{step}' never began: {said}")
