"""Until when instances may be used: one row each, for those that have a date."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from lifebuoy.store.tables import expiries


@dataclass(frozen=True, slots=True)
class About:
    """An instance: which libvirt it is on and its UUID; ``host`` and ``name`` are for humans."""

    daemon: str
    instance: str
    host: str
    name: str


def of(connection: sa.Connection, daemon: str, instance: str) -> str:
    """Until when, such as 2030-12-31T23:59:59Z; empty without a date."""
    query = sa.select(expiries.c.expires).where(_this(daemon, instance))
    return connection.execute(query).scalar() or ""


def every(connection: sa.Connection) -> dict[tuple[str, str], str]:
    """All dates by daemon and UUID."""
    query = sa.select(expiries.c.daemon, expiries.c.instance, expiries.c.expires)
    return {(row.daemon, row.instance): row.expires for row in connection.execute(query)}


def among(
    connection: sa.Connection, instances: Collection[tuple[str, str]]
) -> dict[tuple[str, str], str]:
    """The dates of these, by daemon and UUID."""
    query = sa.select(expiries.c.daemon, expiries.c.instance, expiries.c.expires)
    query = query.where(expiries.c.instance.in_({uuid for _, uuid in instances}))
    wanted = set(instances)
    found = {(row.daemon, row.instance): row.expires for row in connection.execute(query)}
    return {key: expires for key, expires in found.items() if key in wanted}


def change(connection: sa.Connection, about: About, before: str, after: str) -> bool:
    """Give it the date ``after``, if it is still ``before``; whether it was. Empty is none.

    Raises:
        IntegrityError: it was not, either.
    """
    this = _this(about.daemon, about.instance)
    values = {"host": about.host, "name": about.name, "expires": after}
    if not before:
        if after:
            row = {"daemon": about.daemon, "instance": about.instance, **values}
            connection.execute(expiries.insert().values(row))
        return True
    still = this & (expiries.c.expires == before)
    if after:
        return connection.execute(expiries.update().where(still).values(values)).rowcount == 1
    return connection.execute(expiries.delete().where(still)).rowcount == 1


def _this(daemon: str, instance: str) -> sa.ColumnElement[bool]:
    return (expiries.c.daemon == daemon) & (expiries.c.instance == instance)
