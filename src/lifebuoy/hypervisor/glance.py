"""All domains of a host at one glance, with as few calls as libvirt allows: what a list needs.

Two calls a domain (there is none that tells metadata of several) and three for all. To a host far
away each call is a journey there and back, so there several are under way at the same time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import libvirt

from lifebuoy.errors import InstanceNotFound
from lifebuoy.hypervisor.atonce import each
from lifebuoy.hypervisor.link import Link
from lifebuoy.hypervisor.runstate import run_state
from lifebuoy.hypervisor.translation import code, message, translated
from lifebuoy.model import RunState

_AT_A_TIME: Final = 16
#: So many are looked at before whoever asked is given them, and may look at others in between.
_PART: Final = 128
_GONE: Final = frozenset({libvirt.VIR_ERR_NO_DOMAIN})


@dataclass(frozen=True, slots=True)
class Glance:
    """What is seen of one domain. ``memory_mib`` is what it may have at most.

    ``metadata`` is the element that was asked for, as text. ``problem`` says why this domain could
    not be looked at; state and metadata mean nothing then.
    """

    name: str
    uuid: str
    id: int | None
    run_state: RunState
    memory_mib: int
    persistent: bool
    autostart: bool
    metadata: str | None
    problem: str = ""


def glances(link: Link, namespace: str) -> list[Glance]:
    """All domains by name, with the metadata element of ``namespace``.

    Raises:
        HostTrouble: the host does not answer.
    """
    found = [one for part in glances_in_parts(link, namespace) for one in part]
    return sorted(found, key=lambda one: one.name)


def glances_in_parts(link: Link, namespace: str) -> Iterator[list[Glance]]:
    """The same in no order, some at a time; which there are, and which of them are passing or
    start with the host, is asked once, at the beginning.

    Raises:
        HostTrouble: the host does not answer.
    """
    conn = link.conn
    with translated("list the instances"):
        every = conn.listAllDomains(0)
        passing = _uuids(conn.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_TRANSIENT))
        started = _uuids(conn.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_AUTOSTART))

    def look(raw: Any) -> Glance | None:
        return _look(raw, namespace, passing, started)

    for first in range(0, len(every), _PART):
        part = every[first : first + _PART]
        with translated("list the instances"):
            found = each(look, part, _AT_A_TIME if link.facts.is_remote else 1)
        yield [one for one in found if one]


def glances_of(link: Link, namespace: str, uuids: Sequence[str]) -> list[Glance]:
    """The domains of these UUIDs, without those that are gone.

    Raises:
        HostTrouble: the host does not answer.
    """

    def look(uuid: str) -> Glance | None:
        try:
            with translated(f"look at '{uuid}'"):
                raw = link.conn.lookupByUUIDString(uuid)
            return glance(raw, namespace)
        except InstanceNotFound:
            return None

    found = each(look, uuids, _AT_A_TIME if link.facts.is_remote else 1)
    return [one for one in found if one]


def glance(raw: Any, namespace: str) -> Glance | None:
    """The libvirt domain ``raw`` alone; None if it has gone.

    Raises:
        HostTrouble: the host does not answer.
    """
    with translated(f"look at '{raw.name()}'"):
        uuid = raw.UUIDString()
        passing = frozenset() if raw.isPersistent() else frozenset({uuid})
        started = frozenset({uuid}) if not passing and raw.autostart() else frozenset()
        return _look(raw, namespace, passing, started)


def _uuids(domains: Iterable[Any]) -> frozenset[str]:
    return frozenset(raw.UUIDString() for raw in domains)


def _look(
    raw: Any, namespace: str, passing: frozenset[str], started: frozenset[str]
) -> Glance | None:
    """One domain; None if it has gone meanwhile."""
    uuid, number = raw.UUIDString(), raw.ID()
    persistent = uuid not in passing
    state, memory_mib, metadata, problem = RunState.STOPPED, 0, None, ""
    try:
        info = raw.info()
        state, memory_mib = run_state(raw, info[0]), info[1] // 1024
        metadata = _metadata(raw, namespace, persistent)
    except libvirt.libvirtError as exc:
        if code(exc) in _GONE:
            return None
        if not raw.connect().isAlive():
            raise
        problem = message(exc)
    return Glance(
        raw.name(),
        uuid,
        None if number < 0 else number,
        state,
        memory_mib,
        persistent,
        persistent and uuid in started,
        metadata,
        problem,
    )


def _metadata(raw: Any, namespace: str, persistent: bool) -> str | None:
    where = libvirt.VIR_DOMAIN_AFFECT_CONFIG if persistent else libvirt.VIR_DOMAIN_AFFECT_LIVE
    try:
        return str(raw.metadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, namespace, where))
    except libvirt.libvirtError as exc:
        if code(exc) == libvirt.VIR_ERR_NO_DOMAIN_METADATA:
            return None
        raise
