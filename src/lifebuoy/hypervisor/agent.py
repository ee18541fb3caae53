"""The QEMU guest agent: typed libvirt calls where there are any, as those do not taint the domain.

Keep what ``run`` prints below 3 MiB: at 8 MiB the agent's channel dies until it is restarted
inside the guest.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import libvirt
import libvirt_qemu

from lifebuoy.errors import AgentUnavailable, BadInput, TimedOut
from lifebuoy.hypervisor.addresses import Address, AddressSource, interfaces_in
from lifebuoy.hypervisor.translation import translated
from lifebuoy.interruption import CancelRequested, sleep

MAX_STDIN: Final = 128 * 1024  # larger requests hang the agent
_CALL_S: Final = 10
_POLL_S: Final = 0.25
_READ_SIZE: Final = 1024 * 1024
_MAX_FILE: Final = 64 * 1024 * 1024
_READ_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Completed:
    """A program that ran in the guest; ``status`` is -N if signal N ended it."""

    status: int
    stdout: bytes
    stderr: bytes


@dataclass(frozen=True, slots=True)
class FileSystem:
    """A mounted file system of the guest; ``targets`` are the domain's disk names ('vda')."""

    mountpoint: str
    fstype: str
    device_names: list[str]
    targets: list[str]


class _Late(Exception):
    pass


class Agent:
    """The agent of one domain. What fails raises ``AgentUnavailable``."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def ping(self, timeout_s: float = 5) -> bool:
        """Whether it answers."""
        try:
            with self._asking("whether it is there", timeout_s):
                self._raw.getTime()
        except AgentUnavailable:
            return False
        return True

    def wait(self, timeout_s: float, cancelled: Callable[[], bool] = lambda: False) -> bool:
        """Wait until it answers; False if it does not in time, or ``cancelled()`` says so."""
        deadline = time.monotonic() + timeout_s
        while not cancelled():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            if self.ping(min(5, max(1, left))):
                return True
            sleep(min(_POLL_S, max(0, left)))
        return False

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout_s: float = 60) -> Completed:
        """Run a program in the guest and wait for its end; output must stay below 3 MiB.

        Raises:
            BadInput: ``stdin`` is longer than 128 KiB.
            TimedOut: it still runs after ``timeout_s``; it was told to end.
        """
        if not argv:
            raise BadInput("no command to run in the guest")
        if len(stdin) > MAX_STDIN:
            raise BadInput(f"a guest's program takes at most {MAX_STDIN} bytes of input")
        arguments: dict[str, object] = {
            "path": argv[0],
            "arg": list(argv[1:]),
            "capture-output": True,
        }
        if stdin:
            arguments["input-data"] = base64.b64encode(stdin).decode("ascii")
        with self._understood():
            pid = int(self._call("guest-exec", arguments)["pid"])
            try:
                return self._ended(pid, time.monotonic() + timeout_s)
            except _Late:
                told = self._end(pid)
                safe = "It was told to end." if told else "It may still run inside the guest."
                what = f"'{argv[0]}' did not end in {timeout_s:g} s in '{self._name}'"
                raise TimedOut(what, safe=safe) from None
            except (KeyboardInterrupt, CancelRequested):
                self._end(pid)
                raise

    def _ended(self, pid: int, deadline: float) -> Completed:
        pause = 0.02
        while True:
            status = self._call("guest-exec-status", {"pid": pid})
            if status.get("exited"):
                return _completed(status)
            if time.monotonic() > deadline:
                raise _Late
            sleep(pause)
            pause = min(pause * 1.5, 0.5)

    def _end(self, pid: int) -> bool:
        """Tell a program to end; whether it was told."""
        try:
            self._call("guest-exec", {"path": "kill", "arg": [str(pid)]})
        except AgentUnavailable:
            return False
        return True

    def interfaces(self) -> list[Address]:
        """The guest's addresses as it sees them itself."""
        with self._asking("for its addresses"):
            answer = self._raw.interfaceAddresses(
                libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT, 0
            )
        return interfaces_in(answer, AddressSource.AGENT)

    def file_systems(self) -> list[FileSystem]:
        """What is mounted in the guest."""
        with self._asking("for its file systems"):
            return [
                FileSystem(str(mountpoint), str(fstype), [str(device)], list(targets or ()))
                for mountpoint, device, fstype, targets in self._raw.fsInfo(0)
            ]

    def set_user_password(self, user: str, crypted_hash: str) -> None:
        """Set a password from its crypt(3) hash; the password itself never travels."""
        with self._asking(f"to set the password of '{user}'"):
            self._raw.setUserPassword(user, crypted_hash, libvirt.VIR_DOMAIN_PASSWORD_ENCRYPTED)

    def authorize_ssh_keys(self, user: str, keys: Sequence[str]) -> None:
        """Add public keys to those that open ``user``."""
        with self._asking(f"to add SSH keys for '{user}'"):
            self._raw.authorizedSSHKeysSet(
                user, list(keys), libvirt.VIR_DOMAIN_AUTHORIZED_SSH_KEYS_SET_APPEND
            )

    def read_file(self, path: str, *, most: int = _MAX_FILE, timeout_s: float = _READ_S) -> bytes:
        """The content of a file in the guest.

        Raises:
            BadInput: it is longer than ``most`` bytes.
            TimedOut: it did not come in time.
        """
        deadline = time.monotonic() + timeout_s
        with self._understood():
            handle = int(self._call("guest-file-open", {"path": path, "mode": "r"}))
            found = bytearray()
            try:
                while True:
                    piece = self._call("guest-file-read", {"handle": handle, "count": _READ_SIZE})
                    data = base64.b64decode(piece.get("buf-b64", ""))
                    found += data
                    if len(found) > most:
                        raise BadInput(f"'{path}' in '{self._name}' is longer than {most} bytes")
                    if piece.get("eof") or not data:
                        return bytes(found)
                    if time.monotonic() > deadline:
                        raise TimedOut(f"'{path}' did not come in time from '{self._name}'")
            finally:
                self._call("guest-file-close", {"handle": handle})

    def power_off(self) -> None:
        """Ask for a clean power-off; comes back at once."""
        with self._asking("to power off"):
            self._raw.shutdownFlags(libvirt.VIR_DOMAIN_SHUTDOWN_GUEST_AGENT)

    @property
    def _name(self) -> str:
        return str(self._raw.name())

    def _call(self, command: str, arguments: dict[str, object]) -> Any:
        """A raw command, for what libvirt has no typed call for; it marks the domain tainted."""
        request = json.dumps({"execute": command, "arguments": arguments})
        with self._asking(f"for {command}"):
            answer = libvirt_qemu.qemuAgentCommand(self._raw, request, _CALL_S, 0)
        return json.loads(answer)["return"]

    @contextmanager
    def _understood(self) -> Iterator[None]:
        """What an agent answers need not make sense: it is the guest's."""
        try:
            yield
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise AgentUnavailable(
                f"the guest agent of '{self._name}' gave an answer that makes no sense"
            ) from error

    @contextmanager
    def _asking(self, what: str, timeout_s: float = _CALL_S) -> Iterator[None]:
        """Typed calls in the block wait at most ``timeout_s``; libvirt keeps that per domain."""
        doing = f"ask the guest agent of '{self._name}' {what}"
        with translated(doing, error=AgentUnavailable):
            self._raw.agentSetResponseTimeout(max(1, round(timeout_s)), 0)
            try:
                yield
            finally:
                self._set_default_timeout()

    def _set_default_timeout(self) -> None:
        try:
            self._raw.agentSetResponseTimeout(libvirt.VIR_DOMAIN_AGENT_RESPONSE_TIMEOUT_DEFAULT, 0)
        except libvirt.libvirtError:
            return  # the domain ended meanwhile, and with it the setting


def _completed(status: dict[str, Any]) -> Completed:
    ended = -int(status["signal"]) if "signal" in status else int(status.get("exitcode", 0))
    return Completed(
        status=ended,
        stdout=base64.b64decode(status.get("out-data", "")),
        stderr=base64.b64decode(status.get("err-data", "")),
    )
