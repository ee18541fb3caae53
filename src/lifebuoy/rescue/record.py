"""The record of a stay where it lives: in the domain's own metadata, through libvirt."""

from __future__ import annotations

from lifebuoy.hypervisor import Domain, Host
from lifebuoy.model import InstanceState, RunState, Stay
from lifebuoy.rescue import stay as stay_xml


def read(domain: Domain) -> Stay | None:
    """The stay of ``domain``, or None when it is not in rescue mode.

    Raises:
        StayUnreadable: the record was damaged, or written by a newer Lifebuoy.
    """
    text = domain.metadata(stay_xml.NAMESPACE)
    return None if text is None else stay_xml.from_xml(text)


def write(domain: Domain, stay: Stay) -> None:
    """Put ``stay`` into the metadata in one atomic call; the rest of the definition stays."""
    domain.set_metadata(stay_xml.NAMESPACE, stay_xml.PREFIX, stay_xml.to_xml(stay))


def erase(host: Host, domain: Domain, plain: str) -> None:
    """Take the record away by defining ``plain``, which is the definition without it.

    The definition comes last and in one call: until then it carries the record, and libvirt does
    not leave an empty element in it, as it does when an element is taken out of the metadata.
    """
    if domain.active:
        domain.drop_live_metadata(stay_xml.NAMESPACE, stay_xml.PREFIX)
    host.define(plain)


def state_of(domain: Domain, stay: Stay | None) -> InstanceState:
    """The state users see: the phase of the stay, else whether it runs."""
    return stay.phase.state if stay is not None else state_outside(domain.run_state())


def state_outside(run_state: RunState) -> InstanceState:
    """The state users see of an instance that is not in rescue mode."""
    runs = run_state in {RunState.RUNNING, RunState.PAUSED}
    return InstanceState.RUNNING if runs else InstanceState.STOPPED
