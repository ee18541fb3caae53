"""``lifebuoy list | show | start | stop | reboot``, ``vnc``, ``bootlog`` on libvirt's play host."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lifebuoy.cli import app
from lifebuoy.hypervisor import Host
from lifebuoy.operations import power, status
from tests.libvirt import forked
from tests.libvirt.command import DEADLINE_S, Answer

URI = "test:///default"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("CONFIG", "STATE", "CACHE", "DATA"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / kind))
    monkeypatch.delenv("LIFEBUOY_CONNECT", raising=False)
    monkeypatch.delenv("LIFEBUOY_POOL", raising=False)


def lifebuoy(*words: str, stdin: str = "") -> Answer:
    """A process of its own, as what does operations is one for each process."""
    environment = {**os.environ, "COLUMNS": "200"}
    return Answer(*forked.command(["-c", URI, *words], environment, stdin, DEADLINE_S))


def test_list_shows_every_instance() -> None:
    (found,) = lifebuoy("list", "--json").json("instance-list")["instances"]
    assert (found["name"], found["state"], found["id"]) == ("test", "RUNNING", 1)
    assert "RUNNING" in lifebuoy("list").out
    assert lifebuoy("rescue", "list", "--json").json("instance-list")["instances"] == []


@pytest.mark.parametrize("ref", ["test", "1", "6695eb01-f6a4-8304-79aa-97f2502e193f"])
def test_show_takes_name_id_and_uuid(ref: str) -> None:
    found = lifebuoy("show", ref, "--json").json("instance")
    assert found["name"] == "test" and found["rescue"] is None and found["memory_mib"] == 8192
    assert [disk["target"] for disk in found["disks"]] == ["vda"]


def test_show_says_what_can_be_done_now() -> None:
    assert "stop, reboot, console" in lifebuoy("show", "test").out


@pytest.mark.parametrize(
    "words",
    [
        ["show"],
        ["start"],
        ["stop"],
        ["reboot"],
        ["vnc"],
        ["bootlog"],
        ["rescue", "status"],
        ["rescue", "exit"],
        ["ssh"],
    ],
    ids=" ".join,
)
def test_what_is_not_there_is_not_found_and_the_hint_names_what_is(words: list[str]) -> None:
    answer = lifebuoy(*words, "tset", *(["--json"] if words != ["ssh"] else []))
    assert answer.status == 4
    assert "test" in (answer.err if words == ["ssh"] else answer.error()["hint"])


def test_what_the_state_does_not_allow_is_refused_with_what_is_possible() -> None:
    error = lifebuoy("start", "test", "--json").error()
    assert (error["code"], error["exit_status"]) == ("not-allowed", 3)
    assert "stop" in error["hint"]
    for words in (["rescue", "exit", "test"], ["rescue", "status", "test"], ["ssh", "test"]):
        assert lifebuoy(*words).status == 3
    given = lifebuoy("rescue", "password", "test", "--password-stdin", stdin="Fine-Word-1\n")
    assert given.status == 3 and "Fine-Word" not in given.out + given.err


def test_cutting_an_instance_off_needs_consent() -> None:
    for mode in ("hard", "soft-first"):
        error = lifebuoy("stop", "test", "--stop", mode, "--json").error()
        assert error["code"] == "consent-needed" and "lose data" in error["message"]
    assert lifebuoy("list", "--json").json("instance-list")["instances"][0]["state"] == "RUNNING"


def test_a_screen_that_is_not_there_is_refused_with_another_way() -> None:
    assert "lifebuoy console" in lifebuoy("vnc", "test", "--json").error()["hint"]


def test_without_a_serial_log_the_screen_is_suggested() -> None:
    error = lifebuoy("bootlog", "test", "--json").error()
    assert error["exit_status"] == 4 and "lifebuoy screenshot" in error["hint"]


def test_host_check_tells_each_fact_and_ends_with_its_verdict() -> None:
    answer = lifebuoy("host", "check", "--json")
    found = answer.json("host-check")
    assert answer.status == 1 and found["ok"] is False  # no rescue image in an empty home
    image = found["items"][-1]
    assert image["name"] == "rescue image" and image["hint"] == "make one: lifebuoy image build"


def test_host_check_tells_too_where_no_libvirt_answers() -> None:
    runner = CliRunner()
    result = runner.invoke(app, ["-c", "qemu+unix:///system?socket=/nowhere", "host", "check"])
    assert result.exit_code == 1 and "libvirt" in result.stdout and "FAULT" in result.stdout


def test_completion_offers_names_and_never_fails() -> None:
    def offered(uri: str) -> list[str]:
        environment = {
            "_LIFEBUOY_COMPLETE": "complete_bash",
            "COMP_WORDS": f"lifebuoy -c {uri} show t",
            "COMP_CWORD": "4",
        }
        result = CliRunner().invoke(app, [], prog_name="lifebuoy", env=environment)
        return result.output.split()

    assert offered(URI) == ["test"]
    assert offered("nonsense:///") == []


def test_a_damaged_record_does_not_hide_the_others(test_driver: Host) -> None:
    domain = test_driver.domain("test")
    domain.set_metadata(
        "https://lifebuoy.dev/xmlns/rescue/1", "lifebuoy", "<rescue version='99' xmlns=''/>"
    )
    try:
        (found,) = status.summaries(test_driver)
        assert "newer Lifebuoy" in found.problem
    finally:
        domain.set_metadata("https://lifebuoy.dev/xmlns/rescue/1", "lifebuoy", None)


def test_what_is_shown_holds_no_command_for_the_terminal() -> None:
    answer = lifebuoy("show", "a\x1b[2Jb")
    assert answer.status == 4 and "\x1b" not in answer.err


def test_the_modes_of_stopping() -> None:
    assert power.StopRequest("x").effective_mode == "soft"
    assert power.StopRequest("x", consent=True).effective_mode == "soft-first"
