"""Expiry dates for the commands that list, show and start: from the database, if there is one.

Whoever only looks is not refused for a database that cannot be used: dates are then left out, and
that is said.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from lifebuoy.cli import durable, output
from lifebuoy.cli.columns import Cell
from lifebuoy.cli.session import Session
from lifebuoy.errors import DatabaseTrouble
from lifebuoy.expiry import Expiry
from lifebuoy.hypervisor import Host
from lifebuoy.operations.context import Context
from lifebuoy.operations.daemon import daemon_of
from lifebuoy.operations.status import InstanceDetails, InstanceSummary

if TYPE_CHECKING:
    from lifebuoy.operations.renewing import Dated
    from lifebuoy.store import Database

_STYLES: Final = {Expiry.SOON: "yellow", Expiry.PAST: "red"}
_WORDS: Final = {Expiry.SOON: "  (soon)", Expiry.PAST: "  (over)"}


def with_dates(
    session: Session, question: Callable[[Host], list[InstanceSummary]]
) -> Callable[[Host], list[InstanceSummary]]:
    """The same question; its answers have their expiry dates. A server puts them in itself."""
    if session.server is not None:
        return question
    put = _dated(session)

    def asked(host: Host) -> list[InstanceSummary]:
        daemon = daemon_of(host)
        return [put(daemon, found) for found in question(host)]

    return asked


def with_date(session: Session, context: Context, found: InstanceDetails) -> InstanceDetails:
    """The same with its expiry date."""
    return replace(found, summary=_dated(session)(daemon_of(context.host), found.summary))


def require_may_start(session: Session, database: Database, context: Context, name: str) -> None:
    """Pass if the time of an instance is not over, or does not matter.

    Raises:
        Expired: it is.
    """
    from lifebuoy.operations import renewing

    renewing.require_may_start(database, context, name, session.settings.expiry)


def cell(found: InstanceSummary) -> Cell:
    """The date in a column."""
    return Cell(words(found), _STYLES.get(found.expiry, ""))


def words(found: InstanceSummary) -> str:
    """The date, and how near it is."""
    return found.expires + _WORDS.get(found.expiry, "")


def _undated(_daemon: str, summary: InstanceSummary) -> InstanceSummary:
    return summary


def _dated(session: Session) -> Dated:
    if not durable.is_there(session):
        return _undated
    from lifebuoy.operations import renewing

    try:
        return renewing.dated(durable.database(session), session.settings.expiry)
    except DatabaseTrouble as error:
        output.note(f"Expiry dates are not known: {error.message}.")
        return _undated
