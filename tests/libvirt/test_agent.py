"""What is made of a guest agent's answers; a script stands in for the agent."""

from __future__ import annotations

import base64
import json
from typing import Any

import libvirt_qemu
import pytest

from lifebuoy.errors import BadInput, TimedOut
from lifebuoy.hypervisor import Agent, Completed


class Guest:
    """A domain whose agent gives scripted answers and remembers the requests."""

    def __init__(self, *statuses: dict[str, Any]) -> None:
        self.statuses = list(statuses)
        self.requests: list[tuple[str, dict[str, Any]]] = []

    def name(self) -> str:
        return "vm"

    def agentSetResponseTimeout(self, _timeout: int, _flags: int) -> int:
        return 0

    def command(self, _raw: object, request: str, _timeout: int, _flags: int) -> str:
        asked = json.loads(request)
        self.requests.append((asked["execute"], asked["arguments"]))
        if asked["execute"] == "guest-exec":
            return json.dumps({"return": {"pid": 42}})
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return json.dumps({"return": status})


def agent_of(guest: Guest, monkeypatch: pytest.MonkeyPatch) -> Agent:
    monkeypatch.setattr(libvirt_qemu, "qemuAgentCommand", guest.command)
    return Agent(guest)


def test_a_program_gives_its_status_and_both_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    out, err = (base64.b64encode(text).decode() for text in (b"out\xff", b"err"))
    ended = {"exited": True, "exitcode": 3, "out-data": out, "err-data": err}
    guest = Guest({"exited": False}, ended)
    done = agent_of(guest, monkeypatch).run(["cat", "-"], stdin=b"in\0")
    assert done == Completed(3, b"out\xff", b"err")
    command, arguments = guest.requests[0]
    assert command == "guest-exec" and arguments["path"] == "cat" and arguments["arg"] == ["-"]
    assert base64.b64decode(arguments["input-data"]) == b"in\0"


def test_a_program_ended_by_a_signal_has_a_negative_status(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    guest = Guest({"exited": True, "signal": 9})
    assert agent_of(guest, monkeypatch).run(["x"]).status == -9


def test_a_program_that_does_not_end_is_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    guest = Guest({"exited": False})
    with pytest.raises(TimedOut):
        agent_of(guest, monkeypatch).run(["sleep", "9"], timeout_s=0.1)
    assert guest.requests[-1] == ("guest-exec", {"path": "kill", "arg": ["42"]})


def test_more_input_than_an_agent_survives_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    guest = Guest({"exited": True})
    with pytest.raises(BadInput):
        agent_of(guest, monkeypatch).run(["cat"], stdin=b"x" * (128 * 1024 + 1))
    assert guest.requests == []
