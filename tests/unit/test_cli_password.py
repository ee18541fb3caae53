"""Rescue passwords made up by the command line, and those typed at its prompt."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lifebuoy.cli import ask
from lifebuoy.cli.entered import Outcome
from lifebuoy.errors import BadInput
from lifebuoy.model import InstanceState
from lifebuoy.operations.plan import EnterRequest
from lifebuoy.policy import check_password
from lifebuoy.rescue.access import Access


def test_generated_passwords_obey_the_rule_and_differ() -> None:
    made = [ask.generate_password() for _ in range(2000)]
    for password in made:
        check_password(password)
    assert len(set(made)) == len(made)


def test_generated_passwords_hold_nothing_that_is_mistaken_for_another() -> None:
    used = set("".join(ask.generate_password() for _ in range(2000)))
    assert not used & set("0O1lI")


def test_the_prompt_asks_again_until_the_rule_is_obeyed_and_both_agree(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed: Iterator[str] = iter(
        ["short", "Good-Enough-1", "other", "Good-Enough-1", "Good-Enough-1"]
    )
    monkeypatch.setattr("getpass.getpass", lambda _prompt: next(typed))
    assert ask.password_prompted() == "Good-Enough-1"
    said = "".join(capsys.readouterr())
    assert "shorter than 8" in said and "not the same" in said and "Good-Enough" not in said


def test_without_a_terminal_the_ways_to_give_a_password_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lifebuoy.cli.output.interactive", lambda: False)
    with pytest.raises(BadInput) as caught:
        ask.password_given(from_stdin=False, generate=False)
    assert "--password-stdin" in caught.value.hint


def test_no_representation_shows_a_password() -> None:
    request = EnterRequest(name="web1", password="Hush-Hush-77")
    outcome = Outcome(
        name="web1",
        state=InstanceState.RESCUE_MODE,
        session="4f3a",
        since="",
        image="lifebuoy",
        was_running=False,
        access=Access(None, None, "", None, "", serial=False),
        seen=None,
        password="Hush-Hush-77",
    )
    assert "Hush" not in repr(request) and "Hush" not in repr(outcome)
