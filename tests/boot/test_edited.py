"""Somebody edits the definition during rescue mode: shown, and kept or dropped as the user says."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from lifebuoy.errors import Cancelled, DefinitionChanged
from lifebuoy.hypervisor import Domain
from lifebuoy.model import ChangePolicy, Phase
from lifebuoy.operations.context import Context
from lifebuoy.operations.enter import enter
from lifebuoy.operations.leave import LeaveRequest, leave
from lifebuoy.operations.plan import EnterRequest
from lifebuoy.rescue import record
from tests.boot import machine
from tests.boot.listeners import At, interrupt
from tests.boot.machine import Define


@dataclass(frozen=True)
class Edit:
    """What somebody does to a definition, a piece of it that is seen in the difference, and how
    the edited definition becomes the old one again."""

    name: str
    shown: str
    do: Callable[[str], str]
    undo: Callable[[str], str]

    def __str__(self) -> str:
        return self.name


def swap(old: str, new: str) -> tuple[Callable[[str], str], Callable[[str], str]]:
    return (lambda xml: xml.replace(old, new), lambda xml: xml.replace(new, old))


def without_nic(xml: str) -> str:
    return re.sub(r" *<interface.*</interface>\n", "", xml, flags=re.DOTALL)


NIC = "<interface type='user'><mac address='52:54:00:0a:0b:0c'/><model type='e1000'/></interface>"
NEW_NIC = Edit(
    "a network card",
    "52:54:00:0a:0b:0c",
    lambda xml: xml.replace("</devices>", f"{NIC}</devices>"),
    without_nic,
)
MEMORY = Edit("memory", "786432", *swap(">524288<", ">786432<"))
DESCRIPTION = Edit(
    "a description",
    "a shop server",
    *swap("  <memory", "  <description>a shop server</description>\n  <memory"),
)
EDITS = (NEW_NIC, MEMORY, DESCRIPTION)


@pytest.fixture
def stopped(define: Define) -> Domain:
    return define(machine.bare("edited"))


@pytest.fixture
def before(stopped: Domain) -> machine.Facts:
    return machine.facts(stopped)


@pytest.fixture
def rescued(quick: Context, stopped: Domain, before: machine.Facts) -> Domain:
    enter(quick, EnterRequest(stopped.name, "Quiet-Word-5", wait=False))
    return stopped


def edit(context: Context, domain: Domain, change: Edit) -> None:
    before = domain.xml(secure=True)
    context.host.define(change.do(before))
    assert domain.xml(secure=True) != before


def asked(policy: ChangePolicy) -> LeaveRequest:
    return LeaveRequest("edited", changes=policy)


def test_an_edit_is_shown_while_the_rescue_system_runs_on(quick: Context, rescued: Domain) -> None:
    edit(quick, rescued, DESCRIPTION)
    with pytest.raises(DefinitionChanged) as caught:
        leave(quick, asked(ChangePolicy.REFUSE))
    assert DESCRIPTION.shown in caught.value.message
    assert "keep" in caught.value.hint and "drop" in caught.value.hint
    stay = record.read(rescued)
    assert stay is not None and stay.phase is Phase.RESCUE and rescued.active


@pytest.mark.parametrize("change", EDITS, ids=str)
def test_an_edit_is_shown_and_then_dropped_as_told(
    quick: Context, before: machine.Facts, rescued: Domain, change: Edit
) -> None:
    machine.kill(rescued)  # its end is another test's matter
    edit(quick, rescued, change)
    with pytest.raises(DefinitionChanged) as caught:
        leave(quick, asked(ChangePolicy.REFUSE))
    assert change.shown in caught.value.message
    assert leave(quick, asked(ChangePolicy.DROP)).differences == ()
    assert machine.facts(rescued) == before


@pytest.mark.parametrize("change", EDITS, ids=str)
def test_an_edit_is_kept_as_told_and_nothing_else_with_it(
    quick: Context, before: machine.Facts, rescued: Domain, change: Edit
) -> None:
    machine.kill(rescued)
    edit(quick, rescued, change)
    left = leave(quick, asked(ChangePolicy.KEEP))
    assert left.differences == () and left.kept_changes
    now = rescued.xml(secure=True)
    assert change.shown in now
    assert change.undo(now) == before.definition


@pytest.mark.parametrize(
    "step", ["flush and unmount", "switch the definition back", "remove the stay's media"]
)
def test_edits_that_are_kept_outlive_a_leaving_cut_short(
    quick: Context, rescued: Domain, step: str
) -> None:
    edit(quick, rescued, DESCRIPTION)
    with pytest.raises(Cancelled):
        leave(quick, asked(ChangePolicy.KEEP), At(step=step, act=interrupt))
    try:
        leave(quick, asked(ChangePolicy.REFUSE))
    except DefinitionChanged:
        leave(quick, asked(ChangePolicy.KEEP))
    assert DESCRIPTION.shown in rescued.xml()
    assert not rescued.active and machine.stay_media(quick.host) == []
