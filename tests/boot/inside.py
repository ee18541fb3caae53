"""What is typed into a rescue system over SSH, and what it answers."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import paramiko

from lab import login

ANSWER_S: Final = 60.0
_HOLDER: Final = "/run/holder"


@dataclass(frozen=True)
class Answer:
    """How a command ended and what it printed, both streams in one."""

    status: int
    text: str


@dataclass(frozen=True)
class Shell:
    """An SSH connection to a rescue system."""

    client: paramiko.SSHClient

    def __call__(self, command: str, *, timeout_s: float = ANSWER_S) -> str:
        """What a command prints that must succeed."""
        answer = self.ask(command, timeout_s=timeout_s)
        assert answer.status == 0, f"{command!r} ended with {answer.status}: {answer.text}"
        return answer.text

    def ask(self, command: str, *, timeout_s: float = ANSWER_S) -> Answer:
        """Run a command, however it ends."""
        return self._run(command, "", timeout_s)

    def type(self, lines: str, *, timeout_s: float = 240.0) -> str:
        """Lines typed into a shell, which must all succeed."""
        answer = self._run("bash -e -s", lines, timeout_s)
        assert answer.status == 0, f"typing ended with {answer.status}: {answer.text}"
        return answer.text

    def leave_running(self, command: str) -> None:
        """Start a command and do not wait for it, nor for what it prints."""
        self.client.exec_command(f"exec >/dev/null 2>&1; {command}")

    def at_a_terminal(self, command: str, dialogue: Sequence[tuple[str, str]]) -> str:
        """Run a command at a terminal; where a text of ``dialogue`` shows, type what goes with it.

        Returns all that was shown, once it has ended well.
        """
        channel = self._open()
        channel.get_pty()
        channel.exec_command(command)
        shown, left = "", list(dialogue)
        while piece := channel.recv(65536):
            shown += piece.decode(errors="replace")
            while left and left[0][0] in shown:
                time.sleep(0.5)  # a prompt may throw away what was typed before it
                channel.sendall(left.pop(0)[1].encode())
        status = channel.recv_exit_status()
        assert status == 0 and not left, f"{command!r} ended with {status}: {shown}"
        return shown

    def hold(self, what: str) -> None:
        """Run a program that keeps what the command ``what`` opens, until ``let_go``."""
        self.leave_running(f"{what} && echo $$ >{_HOLDER} && exec sleep 4242")
        self(f"until [ -s {_HOLDER} ]; do sleep 0.1; done")

    def let_go(self) -> None:
        """End that program."""
        self(f"kill $(cat {_HOLDER}); rm {_HOLDER}")

    def _open(self, timeout_s: float = ANSWER_S) -> paramiko.Channel:
        transport = self.client.get_transport()
        assert transport is not None
        channel = transport.open_session(timeout=timeout_s)
        channel.settimeout(timeout_s)
        return channel

    def _run(self, command: str, stdin: str, timeout_s: float) -> Answer:
        channel = self._open(timeout_s)
        channel.set_combine_stderr(True)
        channel.exec_command(command)
        channel.sendall(stdin.encode())
        channel.shutdown_write()
        text = b""
        while piece := channel.recv(65536):
            text += piece
        return Answer(channel.recv_exit_status(), text.decode(errors="replace"))


@contextmanager
def shell(
    port: int, password: str, *, host_key: str = "", timeout_s: float = ANSWER_S
) -> Iterator[Shell]:
    """A shell of root at 127.0.0.1:``port``; ``host_key`` is demanded where given."""
    with login.ssh(port, password, timeout_s=timeout_s, host_key=host_key) as client:
        yield Shell(client)
