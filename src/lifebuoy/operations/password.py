"""A new rescue password for a rescue system that runs: after a hard reset it has lost its seed."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from lifebuoy.errors import AgentUnavailable, NotAllowed
from lifebuoy.hypervisor import Domain
from lifebuoy.model import InstanceState, Stay
from lifebuoy.operations import lock
from lifebuoy.operations.context import Context
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


def change(context: Context, name: str, password: str) -> PasswordChanged:
    """Set root's password in the rescue system; the instance's own passwords are not touched.

    Raises:
        PasswordRefused: it breaks the rule.
        NotAllowed: the instance is not in rescue mode.
        AgentUnavailable: the rescue system does not answer.
    """
    check_password(password)
    host = context.host
    domain = host.domain(name)
    _require_rescue(domain)
    with lock.held(host.store, domain.uuid, domain.name, "set the rescue password"):
        stay = _require_rescue(domain)
        _require_agent(domain)
        domain.agent.set_user_password("root", hash_password(password))
        key = _own_host_key(domain)
        new = key is not None and key != stay.host_key
        if key is not None and new:
            stay = replace(stay, host_key=key)
            record.write(domain, stay)
        return PasswordChanged(stay, ways.find(host, domain, stay.host_key, open_way=True), new)


def _require_rescue(domain: Domain) -> Stay:
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
