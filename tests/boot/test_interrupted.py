"""Ctrl-C at every step of entering: the instance is what it was, and nothing is left behind."""

from __future__ import annotations

from typing import Final

import pytest

from lifebuoy.errors import Cancelled
from lifebuoy.hypervisor import Domain
from lifebuoy.model import StopMode
from lifebuoy.operations import lock
from lifebuoy.operations.context import Context
from lifebuoy.operations.enter import enter
from lifebuoy.operations.leave import LeaveRequest, leave
from lifebuoy.operations.plan import EnterRequest
from lifebuoy.operations.runner import Listener, StepState, nobody
from lifebuoy.rescue import record
from tests.boot import machine
from tests.boot.listeners import At, Notes, interrupt
from tests.boot.machine import Define

STEPS: Final = (
    "note what was",
    "place the rescue image",
    "prepare the password and keys",
    "stop the instance",
    "copy the UEFI variables",
    "switch the definition",
    "start the rescue system",
    "wait until it can be logged in to",
    "take the seed away",
    "finish",
)
#: Each leaves something new behind that must go again.
TELLING: Final = (
    "prepare the password and keys",
    "switch the definition",
    "start the rescue system",
    "finish",
)


def enters(context: Context, domain: Domain, listener: Listener = nobody) -> None:
    enter(
        context,
        EnterRequest(
            name=domain.name,
            password="Quiet-Word-5",
            stop=StopMode.HARD,
            consent=True,
            timeout_s=0.1,
        ),
        listener,
    )


def check_untouched(context: Context, domain: Domain, before: machine.Facts) -> None:
    assert machine.facts(domain) == before
    assert record.read(domain) is None
    assert machine.stay_media(context.host) == []
    assert lock.holder(context.host.store, domain.uuid) is None


def test_these_are_all_the_steps_of_entering(quick: Context, define: Define) -> None:
    domain = define(machine.bare("steps"))
    domain.start()
    notes = Notes()
    enters(quick, domain, notes)
    assert tuple(notes.steps) == STEPS


@pytest.mark.rotate(3)
@pytest.mark.parametrize("step", STEPS)
def test_an_interrupt_before_a_step_leaves_a_running_instance_running(
    quick: Context, define: Define, step: str
) -> None:
    domain = define(machine.bare("interrupted"))
    domain.autostart = True
    domain.start()
    before = machine.facts(domain)
    with pytest.raises(Cancelled) as caught:
        enters(quick, domain, At(step=step, act=interrupt))
    assert step in caught.value.message
    assert caught.value.safe == "Everything was put back as it was before."
    check_untouched(quick, domain, before)


@pytest.mark.parametrize("step", TELLING)
def test_an_interrupt_after_a_step_leaves_a_stopped_instance_stopped(
    quick: Context, define: Define, step: str
) -> None:
    domain = define(machine.bare("interrupted"))
    before = machine.facts(domain)
    with pytest.raises(Cancelled):
        enters(quick, domain, At(step=step, state=StepState.DONE, act=interrupt))
    check_untouched(quick, domain, before)


def test_an_instance_that_was_not_stopped_yet_is_never_stopped(
    quick: Context, define: Define
) -> None:
    domain = define(machine.bare("goes-on"))
    domain.start()
    machine_number = domain.id
    with pytest.raises(Cancelled):
        enters(quick, domain, At(step="stop the instance", act=interrupt))
    assert domain.id == machine_number


def test_an_interrupted_entering_can_be_asked_for_again(quick: Context, define: Define) -> None:
    domain = define(machine.bare("again"))
    before = machine.facts(domain)
    with pytest.raises(Cancelled):
        enters(quick, domain, At(step="finish", act=interrupt))
    enters(quick, domain)
    left = leave(quick, LeaveRequest(domain.name))
    assert left.differences == ()
    check_untouched(quick, domain, before)
