"""``lifebuoy doctor``, ``repair`` and ``diagnose`` where there is no rescue system to ask."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from tests.libvirt.command import Command


@pytest.fixture
def lifebuoy(tmp_path: Path) -> Command:
    return Command("test:///default", tmp_path)


@pytest.fixture
def debs(tmp_path: Path) -> Path:
    """A folder with something of a package's name."""
    (tmp_path / "debs").mkdir()
    (tmp_path / "debs" / "x_1_all.deb").touch()
    return tmp_path / "debs"


REFUSED: Final[list[list[str]]] = [
    ["doctor"],
    ["repair", "--yes"],
    ["repair", "--undo"],
    ["repair", "--yes", "--packages", "DEBS"],
    ["repair", "--dry-run", "--packages", "DEBS"],
    ["repair", "--queue", "--packages", "DEBS", "--offline"],
]


@pytest.mark.parametrize("words", REFUSED)
def test_outside_rescue_mode_it_is_refused_and_told_how_to_enter(
    lifebuoy: Command, debs: Path, words: list[str]
) -> None:
    words = [str(debs) if word == "DEBS" else word for word in words]
    error = lifebuoy(*words, "test", "--json").error()
    assert (error["code"], error["exit_status"]) == ("not-allowed", 3)
    assert "RUNNING" in error["message"] and error["hint"] == "lifebuoy rescue enter test"


BAD: Final[list[list[str]]] = [
    ["--only", "--yes"],
    ["--only", "A B"],
    ["--undo", "--dry-run"],
    ["--undo", "--offline"],
    ["--undo", "--packages", "/"],
    ["--packages", "/nowhere"],
    ["--packages", "/dev/null"],
    ["--packages", "/etc/passwd"],
    ["--packages", "/proc/self/fdinfo", "--dry-run"],
    ["--passphrase"],
    ["--passphrase-file", "-", "--queue"],
]


@pytest.mark.parametrize("words", BAD)
def test_what_cannot_be_asked_for_is_bad_input(lifebuoy: Command, words: list[str]) -> None:
    error = lifebuoy("repair", "test", *words, "--json").error()
    assert error["code"] == "bad-input"


def test_an_instance_that_keeps_no_log_is_told_what_else_there_is(lifebuoy: Command) -> None:
    error = lifebuoy("diagnose", "test", "--json").error()
    assert error["code"] == "not-found" and "lifebuoy doctor test" in error["hint"]
