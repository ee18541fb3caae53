"""A byte stream to an address that only the host can reach: OpenSSH's -W, through the host."""

from __future__ import annotations

import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Final

from lifebuoy.hypervisor.hop import SshHop

_ENDS_S: Final = 2.0
_SSH_FAILED: Final = 255  # ssh's own exit status; a peer that hangs up is no failure of ssh
_NOT_LISTENING: Final = "connect failed"


class NoWay(ConnectionError):
    """The host to go through cannot be logged in to, or does not let anybody through."""


@contextmanager
def through(hop: SshHop, address: str, port: int) -> Iterator[socket.socket]:
    """A connection to ``address``:``port`` as ``hop`` sees it; nothing is asked for at a terminal.

    Raises:
        NoWay: the block failed because ssh did; in ssh's words. A guest that does not listen yet
            is no such failure.
    """
    ours, theirs = socket.socketpair()
    with ours, tempfile.TemporaryFile() as words:
        with theirs:
            process = _start(hop, address, port, theirs, words)
        try:
            yield ours
        except Exception as error:
            ours.close()
            told = _last(words) if _ended(process) == _SSH_FAILED else _NOT_LISTENING
            if _NOT_LISTENING not in told:
                raise NoWay(f"no SSH through {hop.destination}: {told}") from error
            raise
        finally:
            ours.close()
            _ended(process)


def _start(
    hop: SshHop, address: str, port: int, stream: socket.socket, words: IO[bytes]
) -> subprocess.Popen[bytes]:
    target = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    command = hop.command("-o", "BatchMode=yes", "-W", target)
    ends = stream.fileno()
    try:
        return subprocess.Popen(
            command, stdin=ends, stdout=ends, stderr=words, start_new_session=True
        )
    except FileNotFoundError as error:
        raise NoWay(f"{command[0]} is not on this machine") from error


def _ended(process: subprocess.Popen[bytes]) -> int:
    """The exit status of ssh, which ends when its stream is closed."""
    try:
        return process.wait(_ENDS_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _last(words: IO[bytes]) -> str:
    words.seek(0)
    lines = [line.strip() for line in words.read(65536).decode(errors="replace").splitlines()]
    told = [line for line in lines if line]
    return "; ".join(told[-2:]) or "ssh gave no reason"
