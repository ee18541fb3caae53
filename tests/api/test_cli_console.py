"""``lifebuoy --server URL console``: what is typed reaches a guest's serial line, and what it says
comes back. The guest is a boot record that says every letter again in upper case."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from tests.api.embedded import define, embedded
from tests.api.remote import Remote, remote
from tests.api.server import Server, serving
from tests.conftest import definition
from tests.libvirt.command import Command, bootable_iso, until

NAME: Final = "echo"
_WAIT_S: Final = 60.0
#: Reads the first serial port by polling (status 0x3fd, data 0x3f8), and halts until the next timer
#: tick while nothing came; bit 5 is taken out of each byte.
_ECHO: Final = bytes.fromhex(
    "ba fd03 ec a801 7504 fb f4 ebf7 ba f803 ec 24df ee ebeb".replace(" ", "")
).ljust(2048, b"\0")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server whose instance 'echo' runs; 'vm' is stopped."""
    with embedded() as machine:
        medium = bootable_iso(machine.command.home / "echo.iso", _ECHO)
        text = definition(NAME, medium=str(medium))
        text = text.replace("hvm</type><bios useserial='yes'/>", "hvm</type><boot dev='cdrom'/>")
        define(machine.command, text)
        with serving(machine.command) as made:
            for name, role in (("ana", "operator"), ("ben", "owner")):
                made.account(name, role)
            assert remote(made, "ana")("start", NAME).status == 0
            yield made


@pytest.fixture
def ana(server: Server) -> Remote:
    """The command line of an operator."""
    return remote(server, "ana")


@dataclass
class Terminal:
    """A command at a terminal of its own, which is still there when the command has ended."""

    process: subprocess.Popen[bytes]
    ours: int
    its: int
    before: list[Any]
    shown: str = ""

    @classmethod
    def of(cls, command: Command, *words: str) -> Terminal:
        ours, its = pty.openpty()
        before = termios.tcgetattr(its)
        process = subprocess.Popen(
            command.words(*words),
            stdin=its,
            stdout=its,
            stderr=its,
            env=command.environment(),
            start_new_session=True,
        )
        return cls(process, ours, its, before)

    def type(self, text: bytes) -> None:
        os.write(self.ours, text)

    def shows(self, wanted: str, typing: bytes = b"") -> None:
        """Wait until it is there, typing again and again; what came up to it is not looked at
        again."""
        deadline = time.monotonic() + _WAIT_S
        while wanted not in self.shown:
            if typing:
                self.type(typing)
            if select.select([self.ours], [], [], 1.0)[0]:
                self.shown += os.read(self.ours, 65536).decode(errors="replace")
            assert time.monotonic() < deadline, (wanted, self.shown)
        self.shown = self.shown.partition(wanted)[2]

    def ended(self) -> int:
        """Its exit status, once it has ended and left the terminal as it was."""
        status = self.process.wait(_WAIT_S)
        assert termios.tcgetattr(self.its) == self.before
        return status

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for end in (self.ours, self.its):
            with suppress(OSError):
                os.close(end)


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    """Those that are in it are closed after the test."""
    made: list[Terminal] = []
    yield made
    for one in made:
        one.close()


def opened(terminals: list[Terminal], command: Command, *words: str) -> Terminal:
    """A console that the guest is seen to answer on."""
    one = Terminal.of(command, "console", NAME, *words)
    terminals.append(one)
    one.shows("Ctrl-] leaves")
    one.shows("HELLO", typing=b"hello")  # a firmware that is not done yet does not answer
    return one


def test_what_is_typed_reaches_the_guest_and_ctrl_bracket_leaves(
    server: Server, ana: Remote, terminals: list[Terminal]
) -> None:
    one = opened(terminals, ana)
    one.type(b"\x03\x04\x1a")  # Ctrl-C, Ctrl-D and Ctrl-Z are for the guest
    one.shows("\x03\x04\x1a")
    one.type(b"still there")
    one.shows("STILL\x00THERE")
    assert ana.key.encode() not in _seen(one.process.pid)
    one.type(b"\x1d")
    one.shows("Left the console.")
    assert one.ended() == 0
    log = server.log.read_text()
    assert "lifebuoy.ticket" not in log and ana.key not in log
    assert until(lambda: '"why": "left"' in server.log.read_text())


def _seen(pid: int) -> bytes:
    """What others see of a process."""
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def test_a_console_that_somebody_has_is_refused_until_it_is_taken_over(
    ana: Remote, terminals: list[Terminal]
) -> None:
    first = opened(terminals, ana)
    status, shown = ana.at_a_terminal(["console", NAME], [("[console-taken]", b"")])
    assert status == 6 and "--force" in shown and "Connected" not in shown
    first.type(b"mine")
    first.shows("MINE")
    second = opened(terminals, ana, "--force")
    first.shows("closed by the other side: taken")
    assert first.ended() == 0
    second.type(b"\x1d")
    second.shows("Left the console.")
    assert second.ended() == 0


def test_what_cannot_be_is_refused_with_a_next_step(server: Server, ana: Remote) -> None:
    def told(command: Remote, *words: str) -> str:
        status, shown = command.at_a_terminal(words, [])
        assert status != 0 and "Connected" not in shown
        return " ".join(shown.split())

    assert "[not-allowed]" in told(ana, "console", "vm")
    assert "[instance-not-found]" in told(remote(server, "ben"), "console", NAME)
    assert "[forbidden]" in told(remote(server, "ana", "read"), "console", NAME)
    answer = ana("console", NAME)
    assert answer.status == 2 and "needs a terminal" in answer.err
    answer = ana("ssh", NAME)
    assert answer.status == 3 and "rescue enter" in answer.err
    assert remote(server, "ben")("ssh", NAME).status == 4


def test_it_ends_with_the_server_and_is_there_again_with_the_next(
    server: Server, ana: Remote, terminals: list[Terminal]
) -> None:
    one = opened(terminals, ana)
    assert server.end(signal.SIGTERM) == 0
    one.shows("closed by the other side: server-ends")
    assert one.ended() == 0
    server.start()
    opened(terminals, ana).type(b"\x1d")
