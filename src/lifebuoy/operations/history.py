"""What is on record: read, watched, cancelled, forgotten. Needs the database, but no host and not
what runs operations.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from typing import Final

from lifebuoy.errors import Cancelled, Refused
from lifebuoy.operations import cursor
from lifebuoy.operations.executor import looks_gone
from lifebuoy.operations.journal import Ending
from lifebuoy.operations.notebook import conclude, now
from lifebuoy.operations.runner import StepState
from lifebuoy.store import Database, Outcome, audit, records
from lifebuoy.store.records import Record, StepRecord
from lifebuoy.store.tables import Happening

_LOOK_S: Final = 0.3
#: States of steps of an operation that has not turned back.
_ONWARD: Final = frozenset({StepState.STARTED, StepState.DONE})


@dataclass(frozen=True, slots=True)
class Account:
    """An operation with its steps."""

    record: Record
    steps: tuple[StepRecord, ...]

    @property
    def to_come(self) -> tuple[str, ...]:
        """The names of the steps that are still to be begun; none once it goes back or has
        ended."""
        if self.record.is_finished or any(step.state not in _ONWARD for step in self.steps):
            return ()
        begun = {step.name for step in self.steps}
        return tuple(name for name in self.record.plan if name not in begun)


def latest(
    database: Database,
    *,
    limit: int,
    instance: str | None,
    instances: Collection[tuple[str, str]] | None = None,
) -> list[Record]:
    """The newest operations first; of one instance (name or UUID) where named, and of these, by
    daemon and UUID, where given."""
    with database.reading() as connection:
        found = records.latest(connection, limit=limit, instance=instance, instances=instances)
    return [_seen(database, record) for record in found]


@dataclass(frozen=True, slots=True)
class Query:
    """Which operations are wanted; empty and None: any.

    ``instance`` is a name or UUID; ``instances`` are those that the asker sees, by daemon and
    UUID. None among ``outcomes`` are those that have not ended.
    """

    instance: str = ""
    instances: Collection[tuple[str, str]] | None = None
    kind: str = ""
    outcomes: Collection[Outcome | None] | None = None
    limit: int = 30
    cursor: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """Some of them, the newest first; ``next`` is the cursor of the next page, empty on the
    last."""

    records: tuple[Record, ...]
    next: str


def page(database: Database, query: Query) -> Page:
    """The page that is asked for.

    Raises:
        BadInput: the cursor is none.
    """
    after = None
    if query.cursor:
        created, id_ = cursor.read(query.cursor, 2)
        after = created, id_
    with database.reading() as connection:
        found = records.latest(
            connection,
            limit=query.limit + 1,
            instance=query.instance or None,
            instances=query.instances,
            kind=query.kind,
            outcomes=query.outcomes,
            after=after,
        )
    shown = tuple(_seen(database, record) for record in found[: query.limit])
    more = len(found) > len(shown)
    return Page(shown, cursor.written(shown[-1].created, shown[-1].id) if more else "")


def account(database: Database, id_: str) -> Account:
    """One operation, by its id or the beginning of it.

    Raises:
        OperationNotFound: none, or several.
    """
    with database.reading() as connection:
        record = records.get(connection, id_)
        steps = tuple(records.steps_of(connection, record.id))
    return Account(_seen(database, record), steps)


def watch(
    database: Database, id_: str, *, sleep: Callable[[float], None] = time.sleep
) -> Iterator[Account]:
    """The operation now, and again whenever something of it has changed, until it has ended."""
    last: Account | None = None
    while True:
        found = account(database, id_)
        if found != last:
            yield found
        last = found
        if found.record.is_finished:
            return
        sleep(_LOOK_S)


def cancel(database: Database, id_: str, who: str) -> Record:
    """Ask that it be rolled back; one that waits for a worker is cancelled at once.

    Raises:
        OperationNotFound: none, or several.
        Refused: it has ended, or cannot go back any more.
    """
    with database.writing() as connection:
        record = records.get(connection, id_)
        if record.outcome is not None:
            raise Refused(f"operation {record.id} has ended: {record.outcome}")
        if not records.ask_cancel(connection, record.id, who):
            raise Refused(
                f"operation {record.id} cannot be rolled back any more: {record.onward}",
                hint=f"see it end: lifebuoy operations watch {record.id}",
            )
        audit.add(connection, audit.of(record, Happening.CANCEL_ASKED, time=now(), who=who))
        if not record.executor and not record.attempts:
            error = Cancelled(f"cancelled by {who} before it began", safe="Nothing was changed.")
            conclude(connection, record.id, Ending(Outcome.CANCELLED, error=error), who=who)
        return records.get(connection, record.id)


def _seen(database: Database, record: Record) -> Record:
    """The record as it is: one whose process has died is nobody's."""
    if record.is_finished or not record.executor or not looks_gone(database, record.executor):
        return record
    return replace(record, executor="")
