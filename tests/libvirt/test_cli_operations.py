"""``lifebuoy operations``, ``audit``, ``--queue``: what was asked for, on libvirt's play host."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest

from tests.libvirt.command import Command, until, validated
from tests.libvirt.killing import running

STOP: Final = ("stop", "test", "--stop", "hard", "--consent-force")


@pytest.fixture
def lifebuoy(tmp_path: Path) -> Command:
    return Command("test:///default", tmp_path)


def listed(lifebuoy: Command, *words: str) -> list[dict[str, Any]]:
    found = lifebuoy("operations", "list", *words, "--json").json("operation-list")
    return list(found["operations"])


def audited(lifebuoy: Command, *words: str) -> list[dict[str, Any]]:
    lines = lifebuoy("audit", "--json", *words).out.splitlines()
    return [validated(line, "audit-entry") for line in lines]


def test_before_anything_was_asked_for_there_is_nothing(lifebuoy: Command) -> None:
    assert listed(lifebuoy) == [] and audited(lifebuoy) == []
    assert "No operation" in lifebuoy("operations", "list").out
    assert lifebuoy("operations", "resume").out == "No operation was left behind.\n"


def test_what_was_done_is_listed_shown_and_audited(lifebuoy: Command) -> None:
    assert lifebuoy("reboot", "test").status == 0
    assert lifebuoy("start", "test").status == 3  # it runs
    refused, done = listed(lifebuoy)
    assert (done["kind"], done["state"], done["error"]) == ("reboot", "done", None)
    assert refused["state"] == "failed" and refused["error"]["code"] == "not-allowed"
    assert listed(lifebuoy, "test", "--limit", "1") == [refused]
    assert listed(lifebuoy, "another") == []
    shown = lifebuoy("operations", "show", done["id"][:5], "--json").json("operation")["operation"]
    assert [step["name"] for step in shown["steps"]] == ["ask it to reboot"]
    assert "ask it to reboot" in lifebuoy("operations", "show", done["id"]).out
    assert lifebuoy("operations", "watch", refused["id"]).status == 1
    log = audited(lifebuoy)
    assert [(line["event"], line["kind"], line["outcome"], line["code"]) for line in log] == [
        ("asked", "reboot", "", ""),
        ("ended", "reboot", "done", ""),
        ("asked", "start", "", ""),
        ("ended", "start", "failed", "not-allowed"),
    ]
    assert {line["name"] for line in log} == {"test"} and log[0]["who"]
    assert audited(lifebuoy, "--since", "2999-01-01") == []
    assert len(lifebuoy("audit", "test").out.splitlines()) == 5


def test_what_is_not_there_or_makes_no_sense_is_refused(lifebuoy: Command) -> None:
    assert lifebuoy("operations", "show", "0000", "--json").error()["code"] == (
        "operation-not-found"
    )
    assert lifebuoy("operations", "list", "--limit", "0").status == 2
    assert lifebuoy("audit", "--since", "yesterday").status == 2


def test_what_was_left_to_a_worker_can_be_cancelled_before_it_begins(lifebuoy: Command) -> None:
    queued = lifebuoy(*STOP, "--queue", "--json").json("operation")["operation"]
    assert (queued["state"], queued["attempts"]) == ("waiting", 0)
    busy = lifebuoy("reboot", "test", "--json").error()
    assert busy["code"] == "busy" and queued["id"] in busy["message"]
    assert lifebuoy("operations", "cancel", queued["id"]).status == 0
    (found,) = listed(lifebuoy)
    assert found["state"] == "cancelled"
    assert [line["event"] for line in audited(lifebuoy)] == ["asked", "cancel-asked", "ended"]
    assert lifebuoy("reboot", "test").status == 0


def test_a_worker_does_what_was_left_to_it(lifebuoy: Command) -> None:
    queued = lifebuoy(*STOP, "--queue", "--json").json("operation")["operation"]
    with running(lifebuoy, "worker") as worker:
        assert until(lambda: listed(lifebuoy)[0]["state"] == "done")
        watched = lifebuoy("operations", "watch", queued["id"], "--json").json("operation")
        assert watched["operation"]["result"] == {"how": "cut off"}
        worker.terminate()
        assert worker.wait(30) == 0


def test_a_stop_without_consent_is_not_left_to_a_worker(lifebuoy: Command) -> None:
    words = ("stop", "test", "--stop", "hard", "--queue", "--json")
    assert lifebuoy(*words).error()["code"] == "consent-needed"
    assert listed(lifebuoy) == []


def test_what_others_did_is_told(lifebuoy: Command) -> None:
    first = lifebuoy("events")
    assert first.status == 0 and first.out == ""
    assert lifebuoy("events", "--json").out == ""
