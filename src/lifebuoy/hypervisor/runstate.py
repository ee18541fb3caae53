"""libvirt's many states of a domain, folded into the few that matter."""

from __future__ import annotations

from typing import Any, Final

import libvirt

from lifebuoy.model import RunState

_FOLDED: Final = {
    libvirt.VIR_DOMAIN_RUNNING: RunState.RUNNING,
    libvirt.VIR_DOMAIN_BLOCKED: RunState.RUNNING,
    libvirt.VIR_DOMAIN_SHUTDOWN: RunState.RUNNING,
    libvirt.VIR_DOMAIN_PAUSED: RunState.PAUSED,
    libvirt.VIR_DOMAIN_PMSUSPENDED: RunState.PAUSED,
    libvirt.VIR_DOMAIN_SHUTOFF: RunState.STOPPED,
    libvirt.VIR_DOMAIN_CRASHED: RunState.CRASHED,
}


def run_state(raw: Any, state: int | None = None) -> RunState:
    """The state of the libvirt domain ``raw``; ``state`` is libvirt's, where it is known already.

    Raises:
        libvirt.libvirtError: the domain or its host is gone.
    """
    if state is not None and state != libvirt.VIR_DOMAIN_PAUSED:
        return _FOLDED.get(state, RunState.STOPPED)
    state, reason = raw.state(0)
    if (state, reason) == (libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_CRASHED):
        return RunState.CRASHED
    return _FOLDED.get(state, RunState.STOPPED)
