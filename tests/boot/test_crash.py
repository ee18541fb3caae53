"""The machine ends during rescue mode, whoever ends it: it stays in rescue mode, and comes out."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lifebuoy.errors import NotAllowed
from lifebuoy.hypervisor import Domain
from lifebuoy.model import InstanceState
from lifebuoy.operations import power
from lifebuoy.operations.context import Context
from lifebuoy.operations.enter import enter
from lifebuoy.operations.leave import LeaveRequest, leave
from lifebuoy.operations.plan import EnterRequest
from lifebuoy.rescue import record
from tests.boot import machine
from tests.boot.machine import Define

ENDS = {"QEMU killed": machine.kill, "destroyed": Domain.destroy}


@pytest.mark.parametrize("runs", [False, True], ids=["stopped before", "running before"])
@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_an_instance_whose_machine_ended_leaves_as_it_was(
    quick: Context, define: Define, end: Callable[[Domain], None], runs: bool
) -> None:
    domain = define(machine.bare("crashed"))
    domain.autostart = True
    if runs:
        domain.start()
    before = machine.facts(domain)
    enter(
        quick,
        EnterRequest(domain.name, "Quiet-Word-5", consent=True, stop_timeout_s=0.1, wait=False),
    )
    end(domain)
    assert not domain.active
    assert record.state_of(domain, record.read(domain)) is InstanceState.RESCUE_MODE
    with pytest.raises(NotAllowed):
        power.start(quick, domain.name)
    left = leave(quick, LeaveRequest(domain.name, watch_s=0))
    assert left.differences == ()
    assert machine.facts(domain) == before and machine.stay_media(quick.host) == []


def test_a_machine_started_again_by_the_host_is_the_rescue_system_not_the_broken_disk(
    quick: Context, define: Define
) -> None:
    domain = define(machine.bare("restarted"))
    enter(quick, EnterRequest(domain.name, "Quiet-Word-5", wait=False))
    machine.kill(domain)
    domain.start()  # as autostart does when the host comes back, the seed still in its drive
    assert "lifebuoy-rescue" in domain.xml(live=True)
    assert record.state_of(domain, record.read(domain)) is InstanceState.RESCUE_MODE
    assert leave(quick, LeaveRequest(domain.name)).differences == ()
