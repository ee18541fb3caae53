"""How the call of the doctor ends is told in words; a script stands in for the guest agent."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import pytest

from lifebuoy.doctor.calling import Doctor, Medium
from lifebuoy.doctor.report import Origin, Report, parse
from lifebuoy.errors import (
    AgentUnavailable,
    BadInput,
    Busy,
    DoctorFailed,
    GuestReportUnusable,
    LifebuoyError,
    NoDoctor,
    TimedOut,
)
from lifebuoy.hypervisor import Completed
from lifebuoy.operations.repair import chosen
from tests.unit.doctor.test_report import said, taken


class Agent:
    """One whose doctor ends with ``status`` and leaves these files."""

    def __init__(self, status: int = 0, **files: bytes) -> None:
        self.status = status
        self.files = files
        self.ran: list[Sequence[str]] = []
        self.given: list[bytes] = []

    def run(self, argv: Sequence[str], *, timeout_s: float, stdin: bytes = b"") -> Completed:
        self.ran.append(argv)
        self.given.append(stdin)
        return Completed(self.status, b"", b"")

    def read_file(self, path: str, *, most: int) -> bytes:
        found = self.files.get(path.rpartition("/")[2])
        if found is None:
            raise AgentUnavailable("no such file")
        if len(found) > most:
            raise BadInput("too long")
        return found


def doctor(agent: Any) -> Doctor:
    return Doctor(agent, "web1")


ENDINGS: Final = {
    2: (DoctorFailed, "no disk to examine"),
    66: (DoctorFailed, "packages cannot be read"),
    3: (DoctorFailed, "no disk to examine"),
    69: (NoDoctor, "has no doctor"),
    75: (Busy, "another doctor is at work"),
    124: (TimedOut, "not done within 900 s"),
    137: (TimedOut, "not done within 900 s"),
    -9: (TimedOut, "not done within 900 s"),
}


@pytest.mark.parametrize(("status", "error", "words"), [(k, *v) for k, v in ENDINGS.items()])
def test_a_doctor_that_does_not_come_to_a_report_is_told(
    status: int, error: type[LifebuoyError], words: str
) -> None:
    agent = Agent(status, err=b"doctor: no disk to examine\x1b[2J\n")
    with pytest.raises(error, match=words) as caught:
        doctor(agent).examine()
    assert caught.value.message.isprintable() and "'web1'" in caught.value.message
    assert list(agent.ran[-1][:2]) == ["/bin/rm", "-rf"]


def test_an_undo_that_crashes_is_never_taken_for_done() -> None:
    with pytest.raises(DoctorFailed, match="MemoryError"):
        doctor(Agent(1, out=b"", err=b"Traceback\nMemoryError\n")).take_back("a-1")


def test_more_than_a_report_is_not_taken_in() -> None:
    with pytest.raises(GuestReportUnusable, match="longer than 4 MiB"):
        doctor(Agent(out=b"x" * (5 << 20))).examine()


def test_a_repair_must_say_what_was_mended_in_that_run() -> None:
    for repair in (None, {"run": "other", "mended": [], "failed": [], "undo": ""}):
        value = said() if repair is None else said() | {"repair": repair}
        with pytest.raises(GuestReportUnusable, match="what was mended"):
            doctor(Agent(out=json.dumps(value).encode())).mend("mine", ["base-merged-usr"])


def test_packages_are_mounted_where_nobody_else_sees_it_and_only_for_a_repair() -> None:
    value = said() | {"repair": {"run": "mine", "mended": [], "failed": [], "undo": ""}}
    agent = Agent(out=json.dumps(value).encode())
    there = Doctor(
        agent,  # type: ignore[arg-type]
        "web1",
        medium=Medium("0" * 64, 34816, 2),
        offline=True,
    )
    there.mend("mine", ["base-merged-usr"])
    there.examine()
    mended, looked = [words for words in agent.ran if words[0] != "/bin/rm"]
    assert list(mended[:4]) == ["/usr/bin/unshare", "--mount", "/bin/sh", "-c"]
    assert list(mended[6:9]) == ["0" * 64, "34816", "2"] and "--offline" in mended
    assert "/usr/bin/unshare" not in looked and "--offline" not in looked


def test_a_plan_is_shown_without_what_commands_a_terminal() -> None:
    wanted = {"id": "base-libraries", "package": "li\x1bbc6", "version": "1", "origin": "cache"}
    wanted["architecture"] = "amd64"
    value = {"schema": 1, "difference": ["+a\x1b[2J"], "packages": [wanted]}
    agent = Agent(out=json.dumps(value).encode())
    plan = replace(doctor(agent), offline=True).plan(["base-libraries"])
    assert plan.difference == ("+a\\x1b[2J",)
    (found,) = plan.packages
    assert (found.package, found.origin) == ("li\\x1bbc6", Origin.CACHE)
    assert list(agent.ran[0])[-5:] == [
        "--dry-run",
        "--json",
        "--only",
        "base-libraries",
        "--offline",
    ]
    with pytest.raises(GuestReportUnusable):
        wanted["origin"] = "the moon"
        doctor(Agent(out=json.dumps(value).encode())).plan()


def test_the_plan_of_an_older_doctor_is_its_text() -> None:
    plan = doctor(Agent(out=b"+a\x1b[2J\n-\xff\n")).plan()
    assert (plan.difference, plan.packages) == (("+a\\x1b[2J", "-�"), ())


def test_names_of_repairs_that_are_no_names_are_refused() -> None:
    with pytest.raises(GuestReportUnusable):
        doctor(Agent(out=b'{"schema": 1, "runs": ["a-1", "--run"]}')).runs()
    assert doctor(Agent(out=b'{"schema": 1, "runs": ["a-1", "b-2"]}')).runs() == ("a-1", "b-2")


def reported(*findings: tuple[str, str, int]) -> Report:
    """A report with findings of these ids, risks and turns."""
    value = said()
    model = value["chain"][6]["findings"][0]
    value["chain"][6]["findings"] = [
        model | {"id": id_, "repair": model["repair"] | {"risk": risk, "turn": turn}}
        for id_, risk, turn in findings
    ]
    return taken(value | {"headline": findings[0][0]})


def test_what_others_are_repaired_with_is_mended_first_and_high_risk_only_by_name() -> None:
    report = reported(("c", "none", 3), ("a", "low", 0), ("b", "high", 1), ("a", "none", 2))
    assert [one.id for one in chosen(report, ())] == ["a", "c"]
    assert [one.id for one in chosen(report, ("b", "c"))] == ["b", "c"]
    assert chosen(report, ("unheard-of",)) == []


def test_a_note_is_left_alone_unless_it_is_named() -> None:
    value = said()
    note = value["chain"][6]["findings"][0] | {"id": "a-note", "severity": "note"}
    value["chain"][6]["findings"].append(note)
    report = taken(value)
    assert [one.id for one in chosen(report, ())] == ["base-merged-usr"]
    assert [one.id for one in chosen(report, ("a-note",))] == ["a-note"]


def test_a_passphrase_goes_in_by_standard_input_alone() -> None:
    agent: Any = Agent(out=json.dumps(said()).encode())
    there = Doctor(agent, "web1", b"open it")
    there.examine()
    assert agent.given[0] == b"open it\n"
    assert "--passphrase-stdin" in agent.ran[0]
    assert "open it" not in repr((agent.ran, there))


def test_an_empty_answer_is_no_report() -> None:
    with pytest.raises(GuestReportUnusable):
        parse(b"", "web1")
