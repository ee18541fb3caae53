"""Does it boot to a login that accepts this password? Asked on a serial line, and over SSH."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import paramiko

LINE_START = re.compile(r"\x1b\[\d+;1H")  # how the BIOS and GRUB begin a line
ESCAPES = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|[()][0-9A-B]|[=>78c])|[\x00\r]")
PROMPT_LOGIN = re.compile(r"login: *(\[ *\d+\.\d+\] .*\n*)*$")  # the kernel may talk after it
PROMPT_PASSWORD = re.compile(r"password: *$", re.IGNORECASE)
PROMPT_SHELL = re.compile(r"[#$] *$")
REFUSAL = re.compile(r"login incorrect|authentication failure|permission denied", re.IGNORECASE)
ASKED_AGAIN = re.compile(r"\n(?s:.*)login: *$")
SETTLE_S = 0.3
LAST_WORDS_S = 3.0  # of silence after them
SHOWN_LINES = 15


class ByteStream(Protocol):
    """A serial line. ``read`` gives b"" when nothing came in time, EOFError when it is gone."""

    def read(self, timeout_s: float) -> bytes:
        """What the guest wrote."""

    def write(self, data: bytes) -> None:
        """Type something."""


class Verdict(StrEnum):
    """How far it came."""

    ACCEPTED = "the password is accepted"
    REFUSED = "the password is refused"
    NO_LOGIN = "no login"


@dataclass(frozen=True, slots=True)
class Login:
    """What was seen. ``seconds`` counts from the call to the verdict, ``login_s`` to the prompt.

    ``host_key`` is what SSH showed ("ssh-ed25519 AAAA..."), empty for a serial line.
    """

    verdict: Verdict
    transcript: str
    seconds: float
    login_s: float = 0.0
    host_key: str = ""

    @property
    def accepted(self) -> bool:
        """True where a shell answered."""
        return self.verdict is Verdict.ACCEPTED

    @property
    def last_seen(self) -> str:
        """The last lines of the transcript that hold anything."""
        lines = [line.rstrip() for line in self.transcript.splitlines() if line.strip()]
        return "\n".join(lines[-SHOWN_LINES:])


def on_serial(
    stream: ByteStream,
    password: str,
    *,
    timeout_s: float,
    user: str = "root",
    last_words: str = "",
    clock: Callable[[], float] = time.monotonic,
) -> Login:
    """Wait for "login:" on the line, log in, and see a shell calculate something.

    Where the line falls silent after the pattern ``last_words``, the rest of the time is spared.
    """
    start = clock()
    talk = _Talk(stream, start + timeout_s, clock)
    login_s = 0.0
    verdict = Verdict.NO_LOGIN
    try:
        talk.expect(PROMPT_LOGIN, last_words=last_words)
        login_s = clock() - start
        talk.send(user)
        verdict = Verdict.REFUSED
        if _accepts(talk, password):
            verdict = Verdict.ACCEPTED
    except (TimeoutError, EOFError):
        pass  # the verdict says how far it came
    return Login(verdict, talk.transcript, clock() - start, login_s)


def _accepts(talk: _Talk, password: str) -> bool:
    """Whether a shell opens, now that the name is typed. Raises TimeoutError, EOFError."""
    if talk.expect(PROMPT_PASSWORD, REFUSAL, ASKED_AGAIN) is not PROMPT_PASSWORD:
        return False
    talk.send(password)
    if talk.expect(PROMPT_SHELL, REFUSAL, ASKED_AGAIN) is not PROMPT_SHELL:
        return False
    talk.send("echo lab-$((40+2))")
    talk.expect(re.compile(r"lab-42"))
    return True


class _Talk:
    """A conversation on a serial line until a deadline. Raises TimeoutError, EOFError."""

    def __init__(self, stream: ByteStream, deadline: float, clock: Callable[[], float]) -> None:
        self._stream = stream
        self._deadline = deadline
        self._clock = clock
        self._raw = b""
        self._answered = 0  # where in the transcript the text after our last line starts

    @property
    def transcript(self) -> str:
        text = LINE_START.sub("\n", self._raw.decode(errors="replace"))
        return ESCAPES.sub("", text)

    def send(self, line: str) -> None:
        self._answered = len(self.transcript)
        self._stream.write(line.encode() + b"\n")

    def expect(self, *patterns: re.Pattern[str], last_words: str = "") -> re.Pattern[str]:
        """The first pattern that the text since our last line shows."""
        heard = self._clock()
        while True:
            now = self._clock()
            if now >= self._deadline:
                raise TimeoutError
            data = self._stream.read(min(self._deadline - now, SETTLE_S))
            self._raw += data
            if data:  # a prompt is what stays the last thing said: see whether more comes
                heard = self._clock()
                continue
            text = self.transcript[self._answered :]
            for pattern in patterns:
                if pattern.search(text):
                    return pattern
            silent_s = self._clock() - heard
            if last_words and silent_s >= LAST_WORDS_S and re.search(last_words, text):
                raise TimeoutError


@contextmanager
def ssh(
    port: int, password: str, *, timeout_s: float, user: str = "root", host_key: str = ""
) -> Iterator[paramiko.SSHClient]:
    """A connection to 127.0.0.1:``port``, tried until it stands or the time is over.

    ``host_key`` ("ssh-ed25519 AAAA...") is demanded where given. Raises TimeoutError, and at
    once paramiko.AuthenticationException and paramiko.BadHostKeyException.
    """
    deadline = time.monotonic() + timeout_s
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(_Demand(host_key))
    try:
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"no SSH at 127.0.0.1:{port} within {timeout_s:.0f} s")
            try:
                client.connect(
                    "127.0.0.1",
                    port,
                    user,
                    password,
                    timeout=min(left, 10),
                    banner_timeout=min(left, 30),
                    auth_timeout=max(left, 10),
                    allow_agent=False,
                    look_for_keys=False,
                )
                break
            except (paramiko.AuthenticationException, paramiko.BadHostKeyException):
                raise
            except (OSError, EOFError, paramiko.SSHException):
                time.sleep(0.5)  # QEMU accepts before the guest listens
        yield client
    finally:
        client.close()


def over_ssh(
    port: int, password: str, *, timeout_s: float, user: str = "root", host_key: str = ""
) -> Login:
    """Log in by SSH with the password, and see a shell calculate something."""
    start = time.monotonic()
    shown = ""
    try:
        with ssh(port, password, timeout_s=timeout_s, user=user, host_key=host_key) as client:
            transport = client.get_transport()
            assert transport
            key = transport.get_remote_server_key()
            shown = f"{key.get_name()} {key.get_base64()}"
            _, out, _ = client.exec_command("echo lab-$((40+2))", timeout=30)
            text = out.read().decode(errors="replace")
        verdict = Verdict.ACCEPTED if "lab-42" in text else Verdict.REFUSED
    except paramiko.AuthenticationException as refused:
        verdict, text = Verdict.REFUSED, str(refused)
    except (TimeoutError, paramiko.SSHException) as none:
        verdict, text = Verdict.NO_LOGIN, str(none)
    return Login(verdict, text, time.monotonic() - start, host_key=shown)


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class _Demand(paramiko.MissingHostKeyPolicy):
    """Accepts the demanded host key alone, or any where none is demanded."""

    def __init__(self, host_key: str) -> None:
        self._host_key = host_key

    def missing_host_key(
        self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey
    ) -> None:
        if self._host_key and self._host_key != f"{key.get_name()} {key.get_base64()}":
            raise paramiko.BadHostKeyException(hostname, key, key)
