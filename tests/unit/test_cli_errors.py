"""Errors of the command line: three parts and a code, a stable status, JSON where asked for."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest
from typer.testing import CliRunner

from lifebuoy import errors
from lifebuoy.cli import app, interrupt, session
from lifebuoy.cli.group import wants_json

SECRET = "Hush-Hush-77"


def invoke(*words: str, stdin: str = "") -> Any:
    return CliRunner().invoke(app, list(words), input=stdin)


def kinds(base: type[errors.LifebuoyError]) -> list[type[errors.LifebuoyError]]:
    return [base] + [found for child in base.__subclasses__() for found in kinds(child)]


# Two have constructors of their own; they have tests of their own.
SPECIAL = {errors.StepFailed, errors.DefinitionChanged}
KINDS = [kind for kind in kinds(errors.LifebuoyError) if kind not in SPECIAL]


def fails(error: BaseException) -> Callable[..., NoReturn]:
    def connect(*_: object, **__: object) -> NoReturn:
        raise error

    return connect


@pytest.fixture
def unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connecting is a failure of the test."""
    monkeypatch.setattr(session, "opener", fails(AssertionError("connected")))


@pytest.mark.parametrize("kind", KINDS, ids=[kind.code for kind in KINDS])
def test_an_error_is_told_in_three_parts_with_its_code_and_status(
    kind: type[errors.LifebuoyError], monkeypatch: pytest.MonkeyPatch
) -> None:
    error = kind("this [broke]", hint="do [that]", safe="nothing [lost]")
    monkeypatch.setattr(session, "opener", fails(error))
    result = invoke("list")
    assert result.exit_code == kind.exit_status and result.stdout == ""
    for part in ("this [broke]", "do [that]", "nothing [lost]", kind.code):
        assert part in result.stderr


def test_with_json_an_error_is_json_on_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    cause = errors.NoSpace("no room", hint="make room")
    error = errors.StepFailed("place the rescue image", cause, safe="All was put back.")
    monkeypatch.setattr(session, "opener", fails(error))
    result = invoke("list", "--json")
    assert result.exit_code == 1 and result.stdout == ""
    assert json.loads(result.stderr) == {
        "error": {
            "code": "step-failed",
            "message": "step 'place the rescue image' failed: no room",
            "safe": "All was put back.",
            "hint": "make room",
            "exit_status": 1,
            "step": "place the rescue image",
            "cause": "no-space",
        }
    }


@pytest.mark.parametrize(
    "words",
    [
        ["list", "--nonsense"],
        ["show"],
        ["nonsense"],
        ["rescue", "enter", "web1", "--stop", "never"],
        ["rescue", "exit", "web1", "--changes", "perhaps"],
        ["rescue", "enter", "web1"],
        ["rescue", "enter", "web1", "--password-stdin", "--generate-password"],
        ["rescue", "enter", "web1", "--generate-password", "--timeout", "0"],
        ["rescue", "enter", "web1", "--generate-password", "--ssh-key", "/nowhere"],
        ["rescue", "enter", "web1", "--generate-password", "--run", "/nowhere"],
        ["rescue", "password", "web1"],
        ["image", "add", "/nowhere", "--id", "UPPER", "--name", "x"],
        ["image", "add", "/nowhere", "--id", "fine", "--name", "x", "--min-memory", "0"],
        ["screenshot", "web1", "/nowhere/at/all.png"],
        ["bootlog", "web1", "--lines", "-1"],
        ["console", "web1"],
    ],
    ids=" ".join,
)
@pytest.mark.usefixtures("unreachable")
def test_bad_input_is_refused_before_connecting(words: list[str]) -> None:
    result = invoke(*words)
    assert result.exit_code == 2 and "bad-input" in result.stderr and result.stdout == ""
    as_json = invoke(*words, "--json")
    assert as_json.exit_code == 2
    assert json.loads(as_json.stderr)["error"]["code"] == "bad-input"


@pytest.mark.parametrize("password", ["short1", "lowercaseonly", "x" * 31, "ümlaut-Password", ""])
@pytest.mark.parametrize("command", ["enter", "password"])
@pytest.mark.usefixtures("unreachable")
def test_a_password_that_breaks_the_rule_is_refused_with_the_rule(
    command: str, password: str
) -> None:
    result = invoke("rescue", command, "web1", "--password-stdin", stdin=password + "\n")
    assert result.exit_code == 2 and "password-refused" in result.stderr
    assert "8-30 characters" in result.stderr
    assert not password or password not in result.output


@pytest.mark.usefixtures("unreachable")
def test_a_private_key_is_not_taken_for_a_public_one(tmp_path: Path) -> None:
    key = tmp_path / "id"
    key.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nabcd\n-----END OPENSSH PRIVATE KEY-----\n")
    result = invoke("rescue", "enter", "web1", "--generate-password", "--ssh-key", str(key))
    assert result.exit_code == 2 and "private key" in result.stderr and "abcd" not in result.output


@pytest.mark.usefixtures("unreachable")
def test_a_script_is_not_run_where_nobody_waits_for_it(tmp_path: Path) -> None:
    script = tmp_path / "mend.sh"
    script.write_text("true\n")
    words = ["rescue", "enter", "web1", "--generate-password", "--no-wait", "--run", str(script)]
    result = invoke(*words)
    assert result.exit_code == 2 and "--no-wait" in result.stderr


def test_a_password_is_told_by_no_error_and_no_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "opener", fails(errors.CannotConnect("no libvirt")))
    for more in ([], ["--json"]):
        words = ["--verbose", "rescue", "enter", "web1", "--password-stdin", *more]
        result = invoke(*words, stdin=SECRET + "\n")
        assert result.exit_code == 6 and SECRET not in result.output


def test_ctrl_c_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "opener", fails(KeyboardInterrupt()))
    result = invoke("list", "--json")
    assert result.exit_code == 130
    assert json.loads(result.stderr)["error"]["code"] == "cancelled"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("error", [KeyboardInterrupt, errors.HostTrouble])
def test_a_signal_does_not_stop_the_putting_back(
    number: signal.Signals, error: type[BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    undone = False
    before = signal.getsignal(number)
    with interrupt.handled():
        try:
            if error is KeyboardInterrupt:
                os.kill(os.getpid(), number)
            raise errors.HostTrouble("broken")
        except (KeyboardInterrupt, errors.HostTrouble) as caught:
            assert isinstance(caught, error)
            os.kill(os.getpid(), number)
            undone = True
    assert undone and "wait" in capsys.readouterr().err
    assert signal.getsignal(number) is before


def test_an_interrupt_can_be_given_again() -> None:
    with interrupt.handled():
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                os.kill(os.getpid(), signal.SIGINT)


def test_json_belongs_to_us_only_before_a_double_dash() -> None:
    assert wants_json(["list", "--json"])
    assert not wants_json(["ssh", "web1", "--", "lsblk", "--json"])
