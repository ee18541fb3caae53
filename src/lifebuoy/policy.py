"""What is allowed when: the one table, and the password rule. Pure; serves every face."""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from lifebuoy.errors import NotAllowed, PasswordRefused
from lifebuoy.model import Action, InstanceState

_S = InstanceState
_EVERYWHERE: Final = frozenset(InstanceState)

#: For each action the states in which it may be asked. Entering from RUNNING also needs consent,
#: and a live backup point needs disks that can be copied live; both are checked by the operation.
ALLOWED: Final[dict[Action, frozenset[InstanceState]]] = {
    Action.SHOW: _EVERYWHERE,
    Action.RENEW: _EVERYWHERE,
    Action.START: frozenset({_S.STOPPED}),
    Action.STOP: frozenset({_S.RUNNING}),
    Action.REBOOT: frozenset({_S.RUNNING}),
    Action.CONSOLE: frozenset({_S.RUNNING, _S.RESCUE_MODE}),
    Action.BACKUP_CREATE: frozenset({_S.STOPPED, _S.RUNNING}),
    Action.BACKUP_RESTORE: frozenset({_S.STOPPED}),
    Action.BACKUP_DELETE: frozenset({_S.STOPPED, _S.RUNNING}),
    Action.ENTER_RESCUE: frozenset({_S.STOPPED, _S.RUNNING}),
    Action.CHECK: frozenset({_S.RESCUE_MODE}),
    Action.REPAIR: frozenset({_S.RESCUE_MODE}),
    Action.EXIT_RESCUE: frozenset({_S.RESCUE_MODE}),
}

_RESCUE_STATES: Final = frozenset({_S.ENTER_RESCUE_MODE, _S.RESCUE_MODE, _S.EXIT_RESCUE_MODE})

PASSWORD_MIN: Final = 8
PASSWORD_MAX: Final = 30
PASSWORD_SPECIAL: Final = "()`~!@#$%^&*-+=|{}[]:;',.?/"
PASSWORD_RULE: Final = (
    f"{PASSWORD_MIN}-{PASSWORD_MAX} characters, at least 2 of: lower case, upper case, digit, "
    f"special {PASSWORD_SPECIAL}"
)


#: What this release can do; the table above already speaks of what later ones add.
OFFERED: Final = frozenset(
    {
        Action.SHOW,
        Action.RENEW,
        Action.START,
        Action.STOP,
        Action.REBOOT,
        Action.CONSOLE,
        Action.BACKUP_CREATE,
        Action.BACKUP_RESTORE,
        Action.BACKUP_DELETE,
        Action.ENTER_RESCUE,
        Action.CHECK,
        Action.REPAIR,
        Action.EXIT_RESCUE,
    }
)


def possible(state: InstanceState) -> list[Action]:
    """The actions allowed in ``state``, in the order of ``Action``."""
    return [action for action in Action if state in ALLOWED[action]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an action is allowed now; ``reason`` says why not, empty where it is."""

    action: Action
    reason: str

    @property
    def is_allowed(self) -> bool:
        """Whether it may be asked for."""
        return not self.reason


def verdicts(
    state: InstanceState, name: str, otherwise: Mapping[Action, str] = MappingProxyType({})
) -> list[Verdict]:
    """Of every action that this release offers, in the order of ``Action``.

    ``otherwise`` says why actions are refused that the state allows.
    """
    found = []
    for action in (one for one in Action if one in OFFERED):
        try:
            require(action, state, name)
            found.append(Verdict(action, otherwise.get(action, "")))
        except NotAllowed as error:
            found.append(Verdict(action, error.message))
    return found


def require(action: Action, state: InstanceState, name: str) -> None:
    """Pass if ``action`` is allowed in ``state``.

    Raises:
        NotAllowed: saying why, and what is possible now.
    """
    if state in ALLOWED[action]:
        return
    if state in _RESCUE_STATES and action not in {Action.EXIT_RESCUE, Action.CONSOLE}:
        why = f"'{name}' is in rescue mode ({state})"
    elif action in {Action.CHECK, Action.REPAIR}:
        why = f"'{name}' is {state}; enter rescue mode first"
    else:
        why = f"'{name}' is {state}"
    hint = "possible now: " + ", ".join(one for one in possible(state) if one in OFFERED)
    if action in {Action.CHECK, Action.REPAIR} and Action.ENTER_RESCUE in possible(state):
        hint = f"lifebuoy rescue enter {name}"
    raise NotAllowed(f"cannot {action} now: {why}", hint=hint)


def check_password(password: str) -> None:
    """Pass if ``password`` obeys the rule for rescue passwords.

    Raises:
        PasswordRefused: naming the part of the rule that was broken, never the password.
    """
    if len(password) < PASSWORD_MIN:
        raise _refused(f"it is shorter than {PASSWORD_MIN} characters")
    if len(password) > PASSWORD_MAX:
        raise _refused(f"it is longer than {PASSWORD_MAX} characters")
    classes = (string.ascii_lowercase, string.ascii_uppercase, string.digits, PASSWORD_SPECIAL)
    if any(not any(char in kind for kind in classes) for char in password):
        raise _refused(
            "it holds a character outside a-z A-Z 0-9 and the special ones " + PASSWORD_SPECIAL
        )
    if sum(any(char in kind for char in password) for kind in classes) < 2:
        raise _refused("it uses only one of: lower case, upper case, digit, special")


def _refused(why: str) -> PasswordRefused:
    return PasswordRefused(f"the password is refused: {why}", hint=f"the rule: {PASSWORD_RULE}")
