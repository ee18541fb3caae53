"""What each instance looked like when it was last looked at."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from lifebuoy.store.database import Database
from lifebuoy.store.tables import observed, operations

#: later than every time
UNDER_WAY: Final = "~"


@dataclass(frozen=True, slots=True)
class Sight:
    """One instance at one time. ``state`` is in words; ``definition`` tells two apart, no more."""

    instance: str
    name: str
    state: str
    definition: str


@dataclass(frozen=True, slots=True)
class Seen:
    """A sight and when it was had."""

    sight: Sight
    time: str


@contextmanager
def turn(database: Database, daemon: str) -> Iterator[None]:
    """In the block nobody else looks at that libvirt, of all who share a PostgreSQL database.

    SQLite has no lock for that. It is one machine's, where one process looks as a rule, and two
    writers never mix.

    Raises:
        DatabaseTrouble: others look for too long.
    """
    if database.is_sqlite:
        yield
        return
    digest = hashlib.sha256(f"lifebuoy look {daemon}".encode("utf-8", "surrogateescape")).digest()
    with database.alone(int.from_bytes(digest[:8], signed=True), "looking at the instances"):
        yield


def at(connection: sa.Connection, daemon: str) -> dict[str, Seen]:
    """The last sight of each instance of a libvirt, by UUID."""
    query = sa.select(observed).where(observed.c.daemon == daemon)
    return {
        row.instance: Seen(Sight(row.instance, row.name, row.state, row.definition), row.seen)
        for row in connection.execute(query)
    }


def states(connection: sa.Connection, daemons: list[str]) -> list[tuple[str, str]]:
    """Host and state of each instance of these libvirts, as they were last seen."""
    query = sa.select(observed.c.host, observed.c.state).where(observed.c.daemon.in_(daemons))
    return [(row.host, row.state) for row in connection.execute(query)]


def put(
    connection: sa.Connection, daemon: str, host: str, sights: Iterable[Sight], time: str
) -> None:
    """Remember these instead of the last ones."""
    found = list(sights)
    forget(connection, daemon, [sight.instance for sight in found])
    if not found:
        return
    connection.execute(
        observed.insert(),
        [
            {
                "daemon": daemon,
                "instance": sight.instance,
                "host": host,
                "name": sight.name,
                "state": sight.state,
                "definition": sight.definition,
                "seen": time,
            }
            for sight in found
        ],
    )


def forget(connection: sa.Connection, daemon: str, instances: list[str]) -> None:
    """Forget instances, such as those that are gone."""
    key = (observed.c.daemon == daemon) & observed.c.instance.in_(instances)
    connection.execute(observed.delete().where(key))


def worked_on(connection: sa.Connection, daemon: str) -> dict[str, str]:
    """When operations on each instance ended last, by UUID; ``UNDER_WAY`` if one has not."""
    all_, ended = sa.func.count(), sa.func.count(operations.c.finished)
    query = sa.select(operations.c.instance, sa.func.max(operations.c.finished), all_ - ended)
    query = query.where(operations.c.daemon == daemon).group_by(operations.c.instance)
    return {row[0]: UNDER_WAY if row[2] else str(row[1]) for row in connection.execute(query)}
