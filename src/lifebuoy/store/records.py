"""Operations as they are written down and read back. Each function is one transaction's worth.

Who may do what is decided by the rows: one operation without an outcome per instance (an index),
and one executor per operation (updates that name the one before).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import sqlalchemy as sa

from lifebuoy.errors import OperationNotFound
from lifebuoy.store.tables import Outcome, operations, steps

_ID_MIN: Final = 4


class Standing(StrEnum):
    """How an operation stands, for those who read lists."""

    WAITING = "waiting"  # for a worker
    RUNNING = "running"
    LEFT = "left behind"  # whoever worked on it let it go
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class StepRecord:
    """A step as it was last told. ``seconds`` is None while it is under way."""

    name: str
    state: str
    began: str
    seconds: float | None
    detail: str


@dataclass(frozen=True, slots=True)
class Record:
    """One operation. Times are ISO 8601 in UTC, empty where there is none yet.

    ``error`` has the keys code, message, safe, hint, step; ``progress`` is done and total of the
    step under way. ``onward`` says why it cannot be cancelled any more, empty while it can.
    ``attempts`` counts the processes that have worked on it. ``plan`` names all its steps, once it
    has begun.
    """

    id: str
    kind: str
    version: int
    host: str
    daemon: str
    instance: str
    name: str
    who: str
    request: dict[str, Any]
    created: str
    executor: str
    started: str = ""
    finished: str = ""
    attempts: int = 0
    outcome: Outcome | None = None
    error: dict[str, Any] | None = None
    result: dict[str, Any] | None = None
    progress: tuple[int, int] | None = None
    onward: str = ""
    cancel_requested: str = ""
    plan: tuple[str, ...] = ()

    @property
    def is_finished(self) -> bool:
        """Whether it has ended, however it did."""
        return self.outcome is not None

    @property
    def standing(self) -> Standing:
        """How it stands; that its process has died is seen elsewhere (operations.history)."""
        if self.outcome is not None:
            return Standing(self.outcome.value)
        if self.executor:
            return Standing.RUNNING
        return Standing.LEFT if self.attempts else Standing.WAITING


def insert(connection: sa.Connection, record: Record) -> None:
    """Write a new operation down.

    Raises:
        IntegrityError: another one is at work on the instance.
    """
    connection.execute(
        operations.insert().values(
            id=record.id,
            kind=record.kind,
            version=record.version,
            host=record.host,
            daemon=record.daemon,
            instance=record.instance,
            name=record.name,
            who=record.who,
            request=json.dumps(record.request),
            created=record.created,
            executor=record.executor,
            attempts=1 if record.executor else 0,
        )
    )


def get(connection: sa.Connection, id_: str) -> Record:
    """The operation of that id, or of the only one that begins so.

    Raises:
        OperationNotFound: none, or several.
    """
    query = sa.select(operations).where(operations.c.id == id_)
    found = connection.execute(query).all()
    if not found and len(id_) >= _ID_MIN:
        begins = operations.c.id.startswith(id_, autoescape=True)
        found = connection.execute(sa.select(operations).where(begins).limit(2)).all()
    if len(found) != 1:
        raise OperationNotFound(
            f"no operation '{id_}'" if not found else f"several operations begin with '{id_}'",
            hint="lifebuoy operations list",
        )
    return _record(found[0])


def unfinished(
    connection: sa.Connection,
    *,
    daemons: Sequence[str] | None = None,
    instance: str | None = None,
) -> list[Record]:
    """Those without an outcome, oldest first; at these daemons, on one instance where named."""
    query = sa.select(operations).where(operations.c.outcome.is_(None))
    if daemons is not None:
        query = query.where(operations.c.daemon.in_(daemons))
    if instance is not None:
        query = query.where(operations.c.instance == instance)
    return [_record(row) for row in connection.execute(query.order_by(operations.c.created))]


def latest(
    connection: sa.Connection,
    *,
    limit: int,
    instance: str | None = None,
    instances: Collection[tuple[str, str]] | None = None,
    kind: str = "",
    outcomes: Collection[Outcome | None] | None = None,
    after: tuple[str, str] | None = None,
) -> list[Record]:
    """The newest first; ``instance`` is a name or a UUID, ``instances`` are daemons and UUIDs.

    None among ``outcomes`` are those that have not ended. ``after`` are the time and id of the
    last that is not wanted any more.
    """
    query = sa.select(operations).order_by(operations.c.created.desc(), operations.c.id)
    if kind:
        query = query.where(operations.c.kind == kind)
    if outcomes is not None:
        ended = [one.value for one in outcomes if one is not None]
        those = operations.c.outcome.in_(ended)
        query = query.where(
            sa.or_(those, operations.c.outcome.is_(None)) if None in outcomes else those
        )
    if after is not None:
        created, id_ = after
        same = (operations.c.created == created) & (operations.c.id > id_)
        query = query.where(sa.or_(operations.c.created < created, same))
    if instance is not None:
        query = query.where(
            sa.or_(operations.c.instance == instance, operations.c.name == instance)
        )
    if instances is not None:
        both = sa.tuple_(operations.c.daemon, operations.c.instance)
        query = query.where(both.in_(list(instances)))
    return [_record(row) for row in connection.execute(query.limit(limit))]


def steps_of(connection: sa.Connection, id_: str) -> list[StepRecord]:
    """Its steps in the order in which they were begun."""
    query = sa.select(steps).where(steps.c.operation == id_).order_by(steps.c.position)
    return [
        StepRecord(row.name, row.state, row.began, row.seconds, row.detail)
        for row in connection.execute(query)
    ]


def take(connection: sa.Connection, id_: str, *, before: str, executor: str) -> bool:
    """Give it to ``executor`` if it is still that of ``before``; False if another was quicker."""
    done = connection.execute(
        operations.update()
        .where(operations.c.id == id_, operations.c.executor == before)
        .where(operations.c.outcome.is_(None))
        .values(executor=executor, attempts=operations.c.attempts + 1)
    )
    return bool(done.rowcount == 1)


def take_waiting(
    connection: sa.Connection, executor: str, *, daemons: Sequence[str], limit: int
) -> list[Record]:
    """Give the oldest that wait at ``daemons`` to ``executor``; nobody else gets them."""
    waiting = (operations.c.executor == "") & (operations.c.attempts == 0)
    chosen = (
        sa.select(operations.c.id)
        .where(waiting, operations.c.outcome.is_(None), operations.c.daemon.in_(daemons))
        .order_by(operations.c.created)
        .limit(limit)
        .with_for_update(skip_locked=True)  # SQLite has one writer at a time anyway
    )
    ids = list(connection.execute(chosen).scalars())
    if not ids:
        return []
    ours = operations.c.id.in_(ids)
    connection.execute(operations.update().where(ours).values(executor=executor, attempts=1))
    rows = connection.execute(sa.select(operations).where(ours).order_by(operations.c.created))
    return [_record(row) for row in rows]


def release(connection: sa.Connection, id_: str, executor: str) -> None:
    """Nobody works on it any more; whoever wants may take it."""
    connection.execute(
        operations.update()
        .where(operations.c.id == id_, operations.c.executor == executor)
        .values(executor="")
    )


def begin(connection: sa.Connection, id_: str, *, time: str) -> None:
    """Note that it is under way."""
    connection.execute(
        operations.update()
        .where(operations.c.id == id_)
        .values(started=sa.func.coalesce(operations.c.started, time))
    )


def finish(
    connection: sa.Connection,
    id_: str,
    *,
    time: str,
    outcome: Outcome,
    error: dict[str, Any] | None = None,
    result: dict[str, Any] | None = None,
) -> bool:
    """Note how it ended, once; False if it had ended before."""
    done = connection.execute(
        operations.update()
        .where(operations.c.id == id_, operations.c.outcome.is_(None))
        .values(
            finished=time,
            outcome=outcome.value,
            error=None if error is None else json.dumps(error),
            result=None if result is None else json.dumps(result),
            progress_done=None,
            progress_total=None,
        )
    )
    return bool(done.rowcount == 1)


def note_step(connection: sa.Connection, id_: str, position: int, step: StepRecord) -> None:
    """Write a step down, or what became of it."""
    values = {
        "name": step.name,
        "state": step.state,
        "began": step.began,
        "seconds": step.seconds,
        "detail": step.detail,
    }
    key = (steps.c.operation == id_) & (steps.c.position == position)
    if connection.execute(steps.update().where(key).values(**values)).rowcount == 0:
        connection.execute(steps.insert().values(operation=id_, position=position, **values))


def note_progress(connection: sa.Connection, id_: str, done: int, total: int) -> None:
    """How far the step under way is."""
    connection.execute(
        operations.update()
        .where(operations.c.id == id_)
        .values(progress_done=done, progress_total=total)
    )


def note_plan(connection: sa.Connection, id_: str, names: Sequence[str]) -> None:
    """Which steps it goes through, in order."""
    plan = json.dumps(list(names))
    connection.execute(operations.update().where(operations.c.id == id_).values(plan=plan))


def note_onward(connection: sa.Connection, id_: str, why: str) -> None:
    """From here on it cannot be cancelled."""
    connection.execute(operations.update().where(operations.c.id == id_).values(onward=why))


def ask_cancel(connection: sa.Connection, id_: str, who: str) -> bool:
    """Ask that it be rolled back; False if it is too late for that."""
    done = connection.execute(
        operations.update()
        .where(operations.c.id == id_)
        .where(operations.c.outcome.is_(None), operations.c.onward == "")
        .values(cancel_requested=sa.func.coalesce(operations.c.cancel_requested, who))
    )
    return bool(done.rowcount == 1)


def is_over(connection: sa.Connection, id_: str) -> bool:
    """Whether there is such an operation, and it has ended."""
    query = sa.select(operations.c.id).where(operations.c.id == id_)
    return connection.execute(query.where(operations.c.outcome.is_not(None))).first() is not None


def watched(connection: sa.Connection, id_: str) -> tuple[str, str]:
    """What whoever works on it looks at meanwhile: its executor, and who asked to cancel it."""
    query = sa.select(operations.c.executor, operations.c.cancel_requested)
    row = connection.execute(query.where(operations.c.id == id_)).one_or_none()
    return ("", "") if row is None else (row.executor, row.cancel_requested or "")


def ended_before(connection: sa.Connection, time: str, *, keep: int, limit: int) -> list[str]:
    """Ids of those that ended before ``time``, but for the newest ``keep`` that have ended; at most
    ``limit``, the oldest.
    """
    ended = operations.c.outcome.is_not(None)
    newest = sa.select(operations.c.id).where(ended)
    newest = newest.order_by(operations.c.created.desc()).limit(keep)
    query = sa.select(operations.c.id).where(ended, operations.c.finished < time)
    query = query.where(operations.c.id.not_in(newest)).order_by(operations.c.finished)
    return list(connection.execute(query.limit(limit)).scalars())


def remove(connection: sa.Connection, ids: Sequence[str]) -> None:
    """Forget finished ones, with their steps."""
    chosen = operations.c.id.in_(ids) & operations.c.outcome.is_not(None)
    connection.execute(operations.delete().where(chosen))


def _record(row: Any) -> Record:
    progress = None
    if row.progress_total is not None:
        progress = (int(row.progress_done or 0), int(row.progress_total))
    return Record(
        id=row.id,
        kind=row.kind,
        version=row.version,
        host=row.host,
        daemon=row.daemon,
        instance=row.instance,
        name=row.name,
        who=row.who,
        request=json.loads(row.request),
        created=row.created,
        started=row.started or "",
        finished=row.finished or "",
        executor=row.executor,
        attempts=row.attempts,
        outcome=None if row.outcome is None else Outcome(row.outcome),
        error=None if row.error is None else json.loads(row.error),
        result=None if row.result is None else json.loads(row.result),
        progress=progress,
        onward=row.onward,
        cancel_requested=row.cancel_requested or "",
        plan=tuple(json.loads(row.plan)),
    )
