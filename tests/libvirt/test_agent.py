"""What is made of a guest agent's answers; a script stands in for the agent."""

from __future__ import annotations

import base64
import json
from typing import Any

import libvirt_qemu
import pytest

from lifebuoy.errors import AgentUnavailable, BadInput, TimedOut
from lifebuoy.hypervisor import Agent, Completed
from lifebuoy.interruption import CancelRequested, checked_by


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


class Files(Guest):
    """One whose files are ``pieces``, the last of them again and again."""

    def __init__(self, *pieces: object) -> None:
        super().__init__({})
        self.pieces = list(pieces)

    def command(self, _raw: object, request: str, _timeout: int, _flags: int) -> str:
        asked = json.loads(request)
        self.requests.append((asked["execute"], asked["arguments"]))
        if asked["execute"] != "guest-file-read":
            return json.dumps({"return": 7})
        piece = self.pieces.pop(0) if len(self.pieces) > 1 else self.pieces[0]
        return json.dumps({"return": piece})


def piece(data: bytes, *, end: bool) -> dict[str, Any]:
    return {"buf-b64": base64.b64encode(data).decode(), "eof": end}


def test_a_file_is_read_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    guest = Files(piece(b"one ", end=False), piece(b"two", end=True))
    assert agent_of(guest, monkeypatch).read_file("/x", most=7) == b"one two"
    assert guest.requests[-1] == ("guest-file-close", {"handle": 7})


def test_a_file_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    guest = Files(piece(b"x" * 100, end=False))
    with pytest.raises(BadInput, match="longer than 1000 bytes"):
        agent_of(guest, monkeypatch).read_file("/x", most=1000)
    assert guest.requests[-1][0] == "guest-file-close"


def test_a_file_that_trickles_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TimedOut):
        agent_of(Files(piece(b"x", end=False)), monkeypatch).read_file("/x", timeout_s=0.0)


@pytest.mark.parametrize("answer", [None, 7, "text", [], {"buf-b64": 7}, {"buf-b64": "x"}])
def test_an_answer_that_makes_no_sense_is_an_agent_that_fails(
    monkeypatch: pytest.MonkeyPatch, answer: object
) -> None:
    with pytest.raises(AgentUnavailable, match="makes no sense"):
        agent_of(Files(answer), monkeypatch).read_file("/x")


def test_a_status_that_makes_no_sense_is_an_agent_that_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    guest = Guest({"exited": True, "exitcode": "soon"})
    with pytest.raises(AgentUnavailable, match="makes no sense"):
        agent_of(guest, monkeypatch).run(["x"])


def test_a_program_ends_when_whoever_waits_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    guest = Guest({"exited": False})

    def interrupted() -> None:
        raise CancelRequested

    with checked_by(interrupted), pytest.raises(CancelRequested):
        agent_of(guest, monkeypatch).run(["sleep", "9"])
    assert guest.requests[-1] == ("guest-exec", {"path": "kill", "arg": ["42"]})
