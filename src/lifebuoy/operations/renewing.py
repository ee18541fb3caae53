"""Renew (续费): an instance's expiry date is set, moved or taken away. In every state.

It changes a row, not the instance, so it is no operation that would have to wait for another one:
it is done when it is asked for, and the audit log says by whom.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from lifebuoy.errors import Busy
from lifebuoy.expiry import ExpiryRules, RenewRequest, judge, require_startable
from lifebuoy.operations import listing
from lifebuoy.operations.context import Context
from lifebuoy.operations.daemon import daemon_of
from lifebuoy.operations.listing import Listed, Order, Page, Query
from lifebuoy.operations.status import InstanceSummary
from lifebuoy.store import Database, audit, expiries
from lifebuoy.store.audit import Entry
from lifebuoy.store.expiries import About
from lifebuoy.store.tables import Happening
from lifebuoy.store.times import stamp

if TYPE_CHECKING:
    from lifebuoy.operations.overview import Instances, Overview

_TRIES: Final = 20

#: Puts the end of its time into a line of the list; by daemon.
Dated = Callable[[str, InstanceSummary], InstanceSummary]
#: Writes something down in the same transaction.
Note = Callable[[sa.Connection], None]


@dataclass(frozen=True, slots=True)
class Renewal:
    """What became of a date; times as ``expiry.text`` has them, empty for none."""

    name: str
    before: str
    expires: str


class _Late(Exception):
    """Another one has just given it another date."""


def renew(
    database: Database,
    context: Context,
    name: str,
    request: RenewRequest,
    who: str,
    note: Note = lambda connection: None,
) -> Renewal:
    """Give an instance another end of its time.

    Raises:
        BadInput: that is no date to come.
        Busy: others give it another one all the time.
        InstanceNotFound: no such instance.
    """
    about = _about(context, name)
    for _ in range(_TRIES):
        with suppress(IntegrityError, _Late):
            return _renewed(database, about, request, who, note)
    raise Busy(f"others are always quicker at '{about.name}'", hint="ask again")


def _renewed(
    database: Database, about: About, request: RenewRequest, who: str, note: Note
) -> Renewal:
    moment = now()
    with database.writing() as connection:
        note(connection)
        before = expiries.of(connection, about.daemon, about.instance)
        after = request.end(before, moment)
        if not expiries.change(connection, about, before, after):
            raise _Late
        audit.add(
            connection,
            Entry(
                stamp(moment),
                who,
                Happening.RENEWED,
                "renew",
                about.host,
                about.instance,
                about.name,
                detail=f"until {after or 'no date'}, before {before or 'no date'}",
            ),
        )
    return Renewal(about.name, before, after)


def end_of(database: Database, daemon: str, instance: str) -> str:
    """Until when the instance of that UUID may be used; empty without a date."""
    with database.reading() as connection:
        return expiries.of(connection, daemon, instance)


def require_may_start(database: Database, context: Context, name: str, rules: ExpiryRules) -> None:
    """Pass if its time is not over, or does not matter.

    Raises:
        Expired: it is.
    """
    about = _about(context, name)
    require_in_time(database, about.daemon, about.instance, about.name, rules)


def require_in_time(
    database: Database, daemon: str, instance: str, name: str, rules: ExpiryRules
) -> None:
    """The same of the instance of that UUID, which is called ``name``.

    Raises:
        Expired: its time is over, and that matters.
    """
    require_startable(end_of(database, daemon, instance), name, now(), rules)


def dated(database: Database, rules: ExpiryRules) -> Dated:
    """Knows all dates, as they are now."""
    with database.reading() as connection:
        return _putting(expiries.every(connection), rules)


def page(
    database: Database, rules: ExpiryRules, overview: Overview, query: Query, sees: Instances
) -> tuple[Page, list[Listed[InstanceSummary]]]:
    """A page of the instances that are seen, with their dates, and what became of asking each host.

    Raises:
        BadInput: the cursor is none, or of another order; or the limit is none.
    """
    if query.order is not Order.EXPIRES:
        found, listed = overview.page(query, sees)
        return _dated_page(database, rules, found, listed), listed
    listed, put = overview.listed(sees), dated(database, rules)
    every = ((host.host, put(host.daemon, one)) for host in listed for one in host.instances)
    return listing.page(every, query), listed


def _dated_page(
    database: Database, rules: ExpiryRules, page: Page, listed: Iterable[Listed[InstanceSummary]]
) -> Page:
    """A page of a list with its dates; ``listed`` tells which libvirt each host is."""
    daemons = {one.host: one.daemon for one in listed}
    keys = [(daemons[host], found.uuid) for host, found in page.rows]
    with database.reading() as connection:
        known = expiries.among(connection, keys)
    put = _putting(known, rules)
    return replace(page, rows=tuple((host, put(daemons[host], one)) for host, one in page.rows))


def now() -> datetime:
    """The time by which dates are judged."""
    return datetime.now(UTC)


def _putting(known: Mapping[tuple[str, str], str], rules: ExpiryRules) -> Dated:
    moment = now()

    def put(daemon: str, summary: InstanceSummary) -> InstanceSummary:
        end = known.get((daemon, summary.uuid), "")
        if not end:
            return summary
        return replace(summary, expires=end, expiry=judge(end, moment, rules.notice_days))

    return put


def _about(context: Context, name: str) -> About:
    domain = context.host.domain(name)
    return About(daemon_of(context.host), domain.uuid, context.host.name, domain.name)
