"""A new rescue password for a rescue system that runs: after a hard reset it has lost its seed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Final

from lifebuoy.errors import AgentUnavailable, HostTrouble, NotAllowed
from lifebuoy.hypervisor import Domain
from lifebuoy.model import InstanceState, Stay
from lifebuoy.operations import unrecorded
from lifebuoy.operations.context import Context
from lifebuoy.operations.operation import JsonObject, Kind, Work
from lifebuoy.operations.runner import Step
from lifebuoy.policy import check_password
from lifebuoy.rescue import access as ways
from lifebuoy.rescue import record
from lifebuoy.rescue.access import Access
from lifebuoy.rescue.seed import hash_password

#: written by the rescue system when it found no seed and made a host key of its own
_OWN_KEY: Final = "/run/lifebuoy/ssh_host_ed25519_key.pub"
_KEY: Final = re.compile(r"(ssh-ed25519 [A-Za-z0-9+/]{68})(\s.*)?", re.DOTALL)
#: a connection just opened finds the agent a moment later
_ANSWER_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class PasswordChanged:
    """``new_host_key``: the rescue system shows another host key than the one recorded before."""

    stay: Stay
    access: Access
    new_host_key: bool


@dataclass(frozen=True, slots=True)
class Secret:
    """The password, which only the process knows that was asked."""

    password: str = field(repr=False)


def change(context: Context, name: str, password: str) -> PasswordChanged:
    """Set root's password in the rescue system, not on record; the instance's own stay as they are.

    Raises:
        PasswordRefused: it breaks the rule.
        NotAllowed: the instance is not in rescue mode.
        AgentUnavailable: the rescue system does not answer.
    """
    check_password(password)
    domain = context.host.domain(name)
    changing = Changing(Work(context, domain.uuid, {}, Secret(password)))
    with unrecorded.told_plainly(), unrecorded.done(context, domain, PASSWORD, changing):
        return changing.outcome()


class Changing:
    """One change of the password under way."""

    def __init__(self, work: Work) -> None:
        self._host = work.context.host
        self._domain: Domain = self._host.domain(work.instance)
        self._secret = work.secrets if isinstance(work.secrets, Secret) else None
        self.state: JsonObject = {}

    def begin(self) -> None:
        """Refuse outside rescue mode, and where nobody answers."""
        require_rescue(self._domain)
        _require_agent(self._domain)
        self.state = {"new_host_key": False}

    def steps(self) -> list[Step]:
        """What the password was before is not known: it cannot be put back."""
        return [Step("set the password", self._set)]

    def outcome(self) -> PasswordChanged:
        """What was reached."""
        stay = require_rescue(self._domain)
        access = ways.find(self._host, self._domain, stay.host_key, open_way=True)
        return PasswordChanged(stay, access, self.state["new_host_key"])

    def result(self) -> JsonObject:
        """Whether the rescue system shows another host key than before."""
        return {"new_host_key": self.state["new_host_key"]}

    def close(self) -> None:
        """Nothing is held open."""

    def _set(self) -> None:
        if self._secret is None:
            raise HostTrouble(
                "the process that knew the password has ended",
                hint=f"set it again: lifebuoy rescue password {self._domain.name}",
            )
        stay = require_rescue(self._domain)
        self._domain.agent.set_user_password("root", hash_password(self._secret.password))
        key = _own_host_key(self._domain)
        if key is not None and key != stay.host_key:
            record.write(self._domain, replace(stay, host_key=key))
            self.state["new_host_key"] = True


NAME: Final = "rescue-password"
PASSWORD: Final = Kind(NAME, 1, "set the rescue password", Changing, undoes=frozenset({NAME}))


def require_rescue(domain: Domain) -> Stay:
    """The stay of an instance whose rescue password can be set.

    Raises:
        NotAllowed: it is not in rescue mode.
    """
    stay = record.read(domain)
    state = record.state_of(domain, stay)
    if stay is None or state is not InstanceState.RESCUE_MODE:
        raise NotAllowed(
            f"cannot set a rescue password now: '{domain.name}' is {state}",
            hint=f"it is set on the way in: lifebuoy rescue enter {domain.name}",
        )
    return stay


def _require_agent(domain: Domain) -> None:
    if not domain.active or not domain.agent.wait(_ANSWER_S):
        raise AgentUnavailable(
            f"the rescue system of '{domain.name}' does not answer",
            hint="wait until it has started, look at its screen (lifebuoy vnc), or leave and "
            "enter again",
            safe="The password is the one it was.",
        )


def _own_host_key(domain: Domain) -> str | None:
    """The host key that the rescue system made by itself; None where the stay's is in use."""
    try:
        text = domain.agent.read_file(_OWN_KEY).decode("ascii", errors="replace")
    except AgentUnavailable:
        return None  # no such file: it has read its seed
    found = _KEY.fullmatch(text.strip())
    return found[1] if found else None
