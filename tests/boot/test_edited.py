"""Somebody edits the definition during rescue mode: shown, and kept or dropped as the user says."""

from __future__ import annotations

from collections.abc import Callable

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

NIC = "<interface type='user'><mac address='52:54:00:0a:0b:0c'/><model type='e1000'/></interface>"


def add_nic(xml: str) -> str:
    return xml.replace("</devices>", f"{NIC}</devices>")


def add_memory(xml: str) -> str:
    return xml.replace(">524288<", ">786432<")


def describe(xml: str) -> str:
    return xml.replace("<memory", "<description>the shop's server</description><memory", 1)


EDITS = (add_nic, add_memory, describe)


@pytest.fixture
def rescued(quick: Context, define: Define) -> Domain:
    domain = define(machine.bare("edited"))
    enter(quick, EnterRequest(domain.name, "Quiet-Word-5", wait=False))
    return domain


def edit(context: Context, domain: Domain, change: Callable[[str], str]) -> str:
    before = domain.xml(secure=True)
    assert change(before) != before
    context.host.define(change(before))
    return before


def asked(policy: ChangePolicy) -> LeaveRequest:
    return LeaveRequest("edited", changes=policy)


@pytest.mark.parametrize("change", EDITS)
def test_an_edit_is_shown_and_then_dropped_as_told(
    quick: Context, define: Define, change: Callable[[str], str]
) -> None:
    domain = define(machine.bare("edited"))
    before = machine.facts(domain)
    enter(quick, EnterRequest(domain.name, "Quiet-Word-5", wait=False))
    edit(quick, domain, change)
    with pytest.raises(DefinitionChanged) as caught:
        leave(quick, asked(ChangePolicy.REFUSE))
    added = {add_nic: "52:54:00:0a:0b:0c", add_memory: "786432", describe: "the shop's"}[change]
    assert added in caught.value.message and "keep" in caught.value.hint
    stay = record.read(domain)
    assert stay is not None and stay.phase is Phase.RESCUE and domain.active
    assert leave(quick, asked(ChangePolicy.DROP)).differences == ()
    assert machine.facts(domain) == before


@pytest.mark.parametrize("change", EDITS)
def test_an_edit_is_kept_as_told_and_nothing_else_with_it(
    quick: Context, define: Define, change: Callable[[str], str]
) -> None:
    domain = define(machine.bare("edited"))
    plain = domain.xml(secure=True)
    enter(quick, EnterRequest(domain.name, "Quiet-Word-5", wait=False))
    edit(quick, domain, change)
    left = leave(quick, asked(ChangePolicy.KEEP))
    assert left.differences == () and left.kept_changes
    got = domain.xml(secure=True)
    domain.undefine()
    wanted = quick.host.define(change(plain)).xml(secure=True)
    assert sorted(got.split()) == sorted(wanted.split())


@pytest.mark.parametrize(
    "step", ["flush and unmount", "switch the definition back", "remove the stay's media"]
)
def test_edits_that_are_kept_outlive_a_leaving_cut_short(
    quick: Context, rescued: Domain, step: str
) -> None:
    edit(quick, rescued, describe)
    with pytest.raises(Cancelled):
        leave(quick, asked(ChangePolicy.KEEP), At(step=step, act=interrupt))
    try:
        leave(quick, asked(ChangePolicy.REFUSE))
    except DefinitionChanged:
        leave(quick, asked(ChangePolicy.KEEP))
    assert "the shop's server" in rescued.xml()
    assert not rescued.active and machine.stay_media(quick.host) == []
