"""What instances are, read from the host alone: for lists, details and rescue mode's status."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lifebuoy.errors import NotAllowed, StayUnreadable
from lifebuoy.hypervisor import Domain, Glance, Graphics, Host
from lifebuoy.model import Action, InstanceState, Phase, RunState, Stay
from lifebuoy.operations import lock
from lifebuoy.operations.context import Context
from lifebuoy.operations.seeding import take_seed_away
from lifebuoy.policy import possible, require
from lifebuoy.rescue import access as ways
from lifebuoy.rescue import changes, media, record
from lifebuoy.rescue import stay as stay_xml
from lifebuoy.rescue.access import Access
from lifebuoy.rescue.markup import number, parse, words
from lifebuoy.rescue.traits import Disk, Interface, Traits, inspect

#: a connection just opened finds the agent a moment later
_ANSWER_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class InstanceSummary:
    """One line of the list. ``since`` and ``image`` are empty outside rescue mode.

    ``problem`` says why the state cannot be trusted; empty as a rule.
    """

    name: str
    uuid: str
    id: int | None
    state: InstanceState
    run_state: RunState
    memory_mib: int
    autostart: bool
    since: str = ""
    image: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class InstanceDetails:
    """All that the details page shows. In rescue mode the devices are the instance's own, that
    is those of the carried original, and ``rescue`` says the rest."""

    summary: InstanceSummary
    persistent: bool
    saved: bool
    snapshots: int
    vcpus: int
    traits: Traits
    graphics: tuple[Graphics, ...]
    addresses: tuple[str, ...]
    possible: tuple[Action, ...]
    rescue: RescueStatus | None

    @property
    def firmware(self) -> str:
        """What boots it, in words."""
        if not self.traits.uefi:
            return "BIOS"
        return "UEFI with Secure Boot" if self.traits.secure_boot else "UEFI"

    @property
    def acceleration(self) -> str:
        """What runs its processors, in words."""
        kind = self.traits.virt_type
        return {"kvm": "KVM", "qemu": "emulation"}.get(kind, kind)

    @property
    def disks(self) -> tuple[Disk, ...]:
        """Its disks and drives."""
        return self.traits.disks

    @property
    def interfaces(self) -> tuple[Interface, ...]:
        """Its network interfaces."""
        return self.traits.interfaces


@dataclass(frozen=True, slots=True)
class RescueStatus:
    """A stay as it stands. ``working`` is who is at work on it now, empty if nobody.

    ``edits`` are the lines of a diff of what somebody changed in the definition meanwhile.
    """

    name: str
    state: InstanceState
    run_state: RunState
    session: str
    since: str
    image: str
    was_running: bool
    autostart: bool
    seed_removed: bool
    working: str
    edits: tuple[str, ...]
    access: Access


def summaries(host: Host) -> list[InstanceSummary]:
    """All instances of the host, by name."""
    return [at_a_glance(seen) for seen in host.glances(stay_xml.NAMESPACE)]


def at_a_glance(seen: Glance) -> InstanceSummary:
    """One line of the list; a record that cannot be read is told, not raised."""
    stay, problem = None, seen.problem
    state = record.state_outside(seen.run_state)
    if seen.metadata is not None:
        try:
            stay = stay_xml.from_xml(seen.metadata)
            state = stay.phase.state
        except StayUnreadable as error:
            state, problem = InstanceState.RESCUE_MODE, error.message
    return InstanceSummary(
        name=seen.name,
        uuid=seen.uuid,
        id=seen.id,
        state=state,
        run_state=seen.run_state,
        memory_mib=inspect(stay.original).memory_mib if stay else seen.memory_mib,
        autostart=stay.autostart if stay else seen.autostart,
        since=stay.since if stay else "",
        image=stay.image if stay else "",
        problem=problem,
    )


def definition_of(domain: Domain, stay: Stay | None) -> str:
    """The instance's own definition: the carried one in rescue mode. Holds no secrets."""
    return stay.original if stay else domain.xml()


def details(host: Host, name: str) -> InstanceDetails:
    """Everything about one instance.

    Raises:
        InstanceNotFound: no such instance.
        StayUnreadable: the record of its stay is damaged.
    """
    return details_of(host, host.domain(name))


def details_of(host: Host, domain: Domain) -> InstanceDetails:
    """The same of one that was found already; with few calls, as a host may be far away.

    Raises:
        InstanceNotFound: it has gone.
        StayUnreadable: the record of its stay is damaged.
    """
    seen = domain.glance(stay_xml.NAMESPACE)
    short = at_a_glance(seen)
    stay = None
    if seen.problem:
        stay = record.read(domain)  # says what is wrong with it
    elif seen.metadata is not None:
        stay = stay_xml.from_xml(seen.metadata)
    active = seen.id is not None
    xml = definition_of(domain, stay)
    return InstanceDetails(
        summary=short,
        persistent=seen.persistent,
        saved=seen.persistent and domain.has_managed_save,
        snapshots=domain.snapshot_count,
        vcpus=number(words(parse(xml), "vcpu")),
        traits=inspect(xml),
        graphics=tuple(domain.graphics()) if active else (),
        addresses=tuple(found.ip for found in domain.addresses()) if active else (),
        possible=tuple(possible(short.state)),
        rescue=_of_stay(host, domain, stay, open_way=False) if stay else None,
    )


def rescue_status(context: Context, name: str) -> RescueStatus:
    """The stay of an instance; a seed that was left in by ``--no-wait`` is taken away now.

    Raises:
        NotAllowed: it is not in rescue mode.
    """
    host = context.host
    domain = host.domain(name)
    stay = record.read(domain)
    if stay is None:
        raise NotAllowed(
            f"'{domain.name}' is not in rescue mode: it is {record.state_of(domain, None)}",
            hint=f"lifebuoy rescue enter {domain.name}",
        )
    settle(host, domain, stay)
    return _of_stay(host, domain, stay, open_way=stay.phase is Phase.RESCUE)


def rescue_list(host: Host) -> list[InstanceSummary]:
    """The instances in rescue mode, on their way in and on their way out."""
    return [found for found in summaries(host) if is_in_rescue(found)]


def is_in_rescue(found: InstanceSummary) -> bool:
    """Whether it is in rescue mode, on its way in or on its way out."""
    return found.state not in {InstanceState.STOPPED, InstanceState.RUNNING}


def settle(host: Host, domain: Domain, stay: Stay) -> None:
    """Take the seed away once the rescue system runs and has read it; else leave it."""
    if stay.phase is not Phase.RESCUE or not domain.active:
        return
    if host.store.find(media.seed_name(stay.session)) is None or not domain.agent.wait(_ANSWER_S):
        return
    with lock.held(host.store, domain.uuid, domain.name, "take the seed away"):
        take_seed_away(host, domain, stay)


def _of_stay(host: Host, domain: Domain, stay: Stay, *, open_way: bool) -> RescueStatus:
    in_it = stay.phase is Phase.RESCUE
    return RescueStatus(
        name=domain.name,
        state=stay.phase.state,
        run_state=domain.run_state(),
        session=stay.session,
        since=stay.since,
        image=stay.image,
        was_running=stay.was_running,
        autostart=stay.autostart,
        seed_removed=host.store.find(media.seed_name(stay.session)) is None,
        working=lock.holder(host.store, domain.uuid) or "",
        edits=tuple(changes.diff(stay.defined, domain.xml())) if in_it and stay.defined else (),
        access=ways.find(host, domain, stay.host_key, open_way=open_way),
    )


def state_of(host: Host, name: str) -> InstanceState:
    """The state that users see.

    Raises:
        InstanceNotFound: no such instance.
    """
    domain = host.domain(name)
    return record.state_of(domain, record.read(domain))


def require_allowed(host: Host, name: str, action: Action) -> Domain:
    """The instance, if ``action`` is allowed in its state.

    Raises:
        NotAllowed: saying why, and what is possible now.
    """
    domain = host.domain(name)
    require(action, record.state_of(domain, record.read(domain)), domain.name)
    return domain


def serial_log(host: Host, name: str) -> str | None:
    """The file on the host that keeps what the instance's serial port says; None if none does."""
    domain = host.domain(name)
    return inspect(domain.xml(live=domain.active)).serial_log
