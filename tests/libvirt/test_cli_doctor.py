"""``lifebuoy doctor``, ``repair`` and ``diagnose`` where there is no rescue system to ask."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.libvirt.command import Command


@pytest.fixture
def lifebuoy(tmp_path: Path) -> Command:
    return Command("test:///default", tmp_path)


@pytest.mark.parametrize("words", [["doctor"], ["repair", "--yes"], ["repair", "--undo"]])
def test_outside_rescue_mode_it_is_refused_and_told_how_to_enter(
    lifebuoy: Command, words: list[str]
) -> None:
    error = lifebuoy(*words, "test", "--json").error()
    assert (error["code"], error["exit_status"]) == ("not-allowed", 3)
    assert "RUNNING" in error["message"] and error["hint"] == "lifebuoy rescue enter test"


@pytest.mark.parametrize(
    "words",
    [
        ["--only", "--yes"],
        ["--only", "A B"],
        ["--undo", "--dry-run"],
        ["--passphrase"],
        ["--passphrase-file", "-", "--queue"],
    ],
)
def test_what_cannot_be_asked_for_is_bad_input(lifebuoy: Command, words: list[str]) -> None:
    error = lifebuoy("repair", "test", *words, "--json").error()
    assert error["code"] == "bad-input"


def test_an_instance_that_keeps_no_log_is_told_what_else_there_is(lifebuoy: Command) -> None:
    error = lifebuoy("diagnose", "test", "--json").error()
    assert error["code"] == "not-found" and "lifebuoy doctor test" in error["hint"]
