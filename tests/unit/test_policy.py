"""The table of what may be done in which state, cell by cell, and the password rule."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifebuoy import policy
from lifebuoy.errors import NotAllowed, PasswordRefused
from lifebuoy.model import Action, InstanceState

# The rows of the table as users are promised it; columns are the states in the order of
# ``InstanceState``. Consent and live copies narrow two cells further; operations check these.
TABLE = {
    Action.SHOW: "yes yes yes yes yes",
    Action.RENEW: "yes yes yes yes yes",
    Action.START: "yes no no no no",
    Action.STOP: "no yes no no no",
    Action.REBOOT: "no yes no no no",
    Action.CONSOLE: "no yes no yes no",
    Action.BACKUP_CREATE: "yes yes no no no",
    Action.BACKUP_RESTORE: "yes no no no no",
    Action.BACKUP_DELETE: "yes yes no no no",
    Action.ENTER_RESCUE: "yes yes no no no",
    Action.CHECK: "no no no yes no",
    Action.REPAIR: "no no no yes no",
    Action.EXIT_RESCUE: "no no no yes no",
}
STATES = list(InstanceState)
CELLS = [
    (action, state, cell == "yes")
    for action, row in TABLE.items()
    for state, cell in zip(STATES, row.split(), strict=True)
]

_GOOD = string.ascii_letters + string.digits + policy.PASSWORD_SPECIAL
_CLASSES = [
    string.ascii_lowercase,
    string.ascii_uppercase,
    string.digits,
    "()`~!@#$%^&*-+=|{}[]:;',.?/",
]


def test_the_table_has_a_row_for_every_action() -> None:
    assert set(TABLE) == set(Action) == set(policy.ALLOWED)


@pytest.mark.parametrize(("action", "state", "allowed"), CELLS)
def test_every_cell_of_the_table(action: Action, state: InstanceState, allowed: bool) -> None:
    assert (action in policy.possible(state)) is allowed
    if allowed:
        policy.require(action, state, "web-1")
        return
    with pytest.raises(NotAllowed) as caught:
        policy.require(action, state, "web-1")
    assert "web-1" in caught.value.message
    assert state.value in caught.value.message
    if action in {Action.CHECK, Action.REPAIR} and Action.ENTER_RESCUE in policy.possible(state):
        assert caught.value.hint == "lifebuoy rescue enter web-1"
        return
    named = caught.value.hint.removeprefix("possible now: ").split(", ")
    assert named == [one for one in policy.possible(state) if one in policy.OFFERED]


@pytest.mark.parametrize("state", STATES)
def test_showing_and_renewing_are_always_possible(state: InstanceState) -> None:
    assert {Action.SHOW, Action.RENEW} <= set(policy.possible(state))


@pytest.mark.parametrize("action", [Action.CHECK, Action.REPAIR])
def test_a_check_outside_rescue_mode_is_told_to_enter_it_first(action: Action) -> None:
    with pytest.raises(NotAllowed, match="enter rescue mode first") as caught:
        policy.require(action, InstanceState.STOPPED, "web-1")
    assert caught.value.hint == "lifebuoy rescue enter web-1"


@pytest.mark.parametrize(
    "password",
    ["abcdefg1", "ABCDEFG1", "abcdefgH", "1234567!", "a" * 29 + "1", "(`~!@#$1", "Passw0rd"],
)
def test_passwords_that_obey_the_rule_are_accepted(password: str) -> None:
    policy.check_password(password)


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("", "shorter than 8"),
        ("abcdef1", "shorter than 8"),
        ("a" * 30 + "1", "longer than 30"),
        ("abcdefgh", "uses only one of"),
        ("12345678", "uses only one of"),
        ("ABCDEFGH", "uses only one of"),
        ("!@#$%^&*", "uses only one of"),
        ("abcdefg 1", "outside"),
        ("abcdefg1\n", "outside"),
        ("abcdefg1_", "outside"),
        ('abcdefg1"', "outside"),
        ("abcdefg1<", "outside"),
        ("abcdefg1\\", "outside"),
        ("пароль-12", "outside"),
        ("密码密码密码abc1", "outside"),
        ("１２３４５６７８a", "outside"),
    ],
)
def test_a_refused_password_is_told_which_part_it_broke(password: str, why: str) -> None:
    with pytest.raises(PasswordRefused) as caught:
        policy.check_password(password)
    assert why in caught.value.message
    assert "8-30 characters" in caught.value.hint


@given(st.text(max_size=40))
def test_any_text_is_accepted_exactly_when_it_obeys_the_rule(password: str) -> None:
    kinds = sum(any(char in kind for char in password) for kind in _CLASSES)
    good = 8 <= len(password) <= 30 and kinds >= 2 and set(password) <= set("".join(_CLASSES))
    assert _accepted(password) is good


@given(st.text(alphabet=_GOOD, min_size=8, max_size=30))
def test_good_characters_need_two_classes(password: str) -> None:
    kinds = sum(any(char in kind for char in password) for kind in _CLASSES)
    assert _accepted(password) is (kinds >= 2)


@given(st.text(alphabet='密é \t"\\_<>', min_size=8, max_size=40))
def test_a_refusal_never_repeats_the_password(password: str) -> None:
    with pytest.raises(PasswordRefused) as caught:
        policy.check_password(password)
    assert password not in caught.value.message + caught.value.hint


def _accepted(password: str) -> bool:
    try:
        policy.check_password(password)
    except PasswordRefused:
        return False
    return True
