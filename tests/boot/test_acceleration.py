"""An instance of type kvm is not left to a KVM that does no work: it is refused, and told why."""

from __future__ import annotations

import pytest

from lifebuoy.errors import AccelerationUnusable
from lifebuoy.hypervisor import Host, kvm
from lifebuoy.operations import power
from lifebuoy.operations.context import Context
from lifebuoy.operations.plan import EnterRequest, plan
from tests.boot import machine
from tests.boot.machine import Define

REQUEST = EnterRequest("hasty", "Quiet-Word-5")


def test_a_machine_of_type_kvm_enters_only_where_kvm_does_work(
    embedded: Host, quick: Context, define: Define
) -> None:
    if "<domain type='kvm'" not in embedded.capabilities_xml():
        pytest.skip("libvirt offers no KVM here, so it defines no such machine")
    before = define(machine.bare("hasty").replace("type='qemu'", "type='kvm'")).xml()
    if kvm.probe(embedded, cache_dir=quick.cache_dir).usable:
        assert plan(quick, REQUEST).traits.virt_type == "kvm"
        return
    with pytest.raises(AccelerationUnusable, match="type kvm") as caught:
        plan(quick, REQUEST)
    assert "host check" in caught.value.hint
    with pytest.raises(AccelerationUnusable):
        power.start(quick, "hasty")
    domain = embedded.domain("hasty")
    assert domain.xml() == before and not domain.active
