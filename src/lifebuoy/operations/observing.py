"""Notices what others do to instances: compares how they are with how they were last seen.

What an operation of ours has done is no news. The rest goes into the audit log: that somebody
started, stopped, edited, defined or removed an instance, or that the host has restarted. Nothing is
mended here: that an instance is where its owner did not expect it is for its owner to judge.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

from lifebuoy.errors import InstanceNotFound, StayUnreadable
from lifebuoy.hypervisor import Domain, Host
from lifebuoy.model import InstanceState, Phase
from lifebuoy.operations import lock
from lifebuoy.operations.daemon import daemon_of
from lifebuoy.operations.notebook import now
from lifebuoy.rescue import changes, definition, record
from lifebuoy.store import Database, audit, observations
from lifebuoy.store.audit import Entry
from lifebuoy.store.observations import UNDER_WAY, Seen, Sight
from lifebuoy.store.tables import Happening

#: Who changed it is not known: libvirt does not tell.
SOMEBODY: Final = "somebody"


def look(database: Database, host: Host, instances: Iterable[str] | None = None) -> list[Entry]:
    """Look at all instances of a host, or at those of these UUIDs; what others have done to them.

    The first time that a host is seen there is nothing to compare with; only instances that are
    half-way into or out of rescue mode with nobody at work, and nothing on record for them that a
    worker would go on with, are told of.

    Of several processes that share a database one looks at a time: what one has told, another that
    had looked a moment before would tell again.
    """
    with observations.turn(database, daemon_of(host)):
        return _look(database, host, instances)


def _look(database: Database, host: Host, instances: Iterable[str] | None) -> list[Entry]:
    time, daemon = now(), daemon_of(host)
    with database.reading() as connection:
        known = set(observations.at(connection, daemon))
    chosen = None if instances is None else set(instances)
    domains = host.domains() if chosen is None else list(_found(host, chosen))
    sights: dict[str, Sight] = {}
    stranded: set[str] = set()
    for domain in domains:
        sight, half_way = _sight_of(domain)
        sights[domain.uuid] = sight
        if half_way and lock.holder(host.store, domain.uuid) is None:
            stranded.add(domain.uuid)
    with database.writing() as connection:
        before = observations.at(connection, daemon)
        ours = observations.worked_on(connection, daemon)
        looked_at = (known if chosen is None else chosen) | set(sights)
        entries = [
            Entry(time, SOMEBODY, Happening.OBSERVED, "", host.name, uuid, name, detail=words)
            for uuid in sorted(looked_at)
            for name, words in _news(
                before.get(uuid),
                sights.get(uuid),
                ours.get(uuid, ""),
                first=not before,
                stranded=uuid in stranded and ours.get(uuid) != UNDER_WAY,
            )
        ]
        for entry in entries:
            audit.add(connection, entry)
        observations.put(connection, daemon, host.name, sights.values(), time)
        observations.forget(connection, daemon, sorted(looked_at - set(sights)))
    return entries


def differences(before: Sight | None, after: Sight | None) -> list[str]:
    """What is different, in words. Pure."""
    if before is None or after is None:
        return [] if before is after else ["it is new" if before is None else "it is gone"]
    found = []
    if before.name != after.name:
        found.append(f"its name was '{before.name}'")
    if before.state != after.state:
        found.append(f"it was {before.state} and is {after.state}")
    if before.definition != after.definition:
        found.append("its definition was edited")
    return found


def _sight_of(domain: Domain) -> tuple[Sight, bool]:
    """How an instance looks now, and whether it is half-way into or out of rescue mode.

    Neither secrets nor our mark are part of its fingerprint.
    """
    stay = None
    try:
        stay = record.read(domain)
        state = str(record.state_of(domain, stay))
    except StayUnreadable:
        state = "in rescue mode with a record that cannot be read"
    own = {InstanceState.RUNNING, InstanceState.STOPPED}
    run_state = "" if state in own else f", {domain.run_state()}"
    text = changes.settled(definition.original_of(domain.xml()))
    digest = hashlib.sha256(text.encode()).hexdigest()
    half_way = stay is not None and stay.phase is not Phase.RESCUE
    return Sight(domain.uuid, domain.name, state + run_state, digest), half_way


def _news(
    before: Seen | None, after: Sight | None, ours: str, *, first: bool, stranded: bool
) -> Iterable[tuple[str, str]]:
    """Names and words of what is to be told. ``ours``: when an operation of ours ended last."""
    last = before.sight if before else None
    found = [] if first or (before and ours > before.time) else differences(last, after)
    shown = after or last
    if stranded and (first or found or before is None):
        found.append("it is half-way into or out of rescue mode, and nobody is at work on it")
    for words in found:
        yield shown.name if shown else "", words


def _found(host: Host, instances: Iterable[str]) -> Iterable[Domain]:
    for uuid in instances:
        try:
            yield host.domain(uuid)
        except InstanceNotFound:
            continue
