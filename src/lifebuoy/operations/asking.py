"""Asks for an operation: writes it down, makes way for it, and does it, or says who is at work.

What a dead process left on the instance comes first: it is finished, or rolled back, or closed
when the new one makes up for it (``Kind.replaces``, ``Kind.undoes``).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from lifebuoy.errors import Busy, Cancelled, HostTrouble, LifebuoyError, UnknownOperation
from lifebuoy.hypervisor import Domain, Progress
from lifebuoy.operations import executor, lock
from lifebuoy.operations.context import Context
from lifebuoy.operations.daemon import daemon_of
from lifebuoy.operations.engine import Engine, lost
from lifebuoy.operations.journal import Ending
from lifebuoy.operations.notebook import conclude, now
from lifebuoy.operations.operation import JsonObject, Kind, OperationT, no_progress
from lifebuoy.operations.runner import Listener, StepEvent, StepState, nobody
from lifebuoy.operations.task import LetGo, Task, unsaid
from lifebuoy.store import Database, Outcome, audit, records
from lifebuoy.store.records import Record
from lifebuoy.store.tables import Happening

_ID_BYTES: Final = 6
_TRIES: Final = 20


#: Writes something down with an operation that was just asked for, in the same transaction.
Note = Callable[[sa.Connection, Record], None]


def unnoted(_connection: sa.Connection, _record: Record) -> None:
    """Nothing is written down beside it."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, and who is told what. ``notice`` is told in words of what was found left behind."""

    who: str
    listener: Listener = nobody
    progress: Progress = no_progress
    notice: Callable[[str], None] = unsaid


def perform(
    engine: Engine,
    context: Context,
    kind: Kind[OperationT],
    domain: Domain,
    request: JsonObject,
    asker: Asker,
    secret: object | None = None,
) -> OperationT:
    """Do it now, in this process; comes back when it is done, with the operation at its end.

    ``secret`` is what the operation may know and the database may not.

    Raises:
        Busy: somebody is at work on the instance; says who.
        LifebuoyError: from its checks; StepFailed or Cancelled after the roll-back.
    """
    record = new_record(context, kind, domain, request, asker.who, executor=engine.executor.id)
    for _ in range(_TRIES):
        task = _task(context, asker, secret)
        write = partial(_written, engine.database, record)
        if engine.run(record, task, begun_before=False, written=write):
            reached: OperationT = _reached(task)
            return reached
        answer = _make_way(engine, context, kind, record, asker, secret)
        if answer is not None:
            return answer
    raise _always_late(domain)


def hand_over(
    engine: Engine,
    context: Context,
    kind: Kind[Any],
    domain: Domain,
    request: JsonObject,
    asker: Asker,
    secret: object,
    *,
    after: str,
) -> Record:
    """Begin it in this process, and leave it to a worker once the step ``after`` is done.

    For an operation that needs ``secret`` up to that step and no further: so it need be written
    down nowhere. What a dead process left is finished or rolled back first.

    Raises:
        Busy: somebody is at work on the instance; says who.
        LifebuoyError: from its checks; StepFailed or Cancelled after the roll-back.
    """
    record = new_record(context, kind, domain, request, asker.who, executor=engine.executor.id)
    for _ in range(_TRIES):
        task = _task(context, asker, secret)
        task.listener = _letting_go(task, after)
        write = partial(_written, engine.database, record)
        if engine.run(record, task, begun_before=False, written=write):
            if task.ending is not None or not task.hand_over.is_set():
                _reached(task)
            return record
        _make_way(engine, context, kind, record, asker)
    raise _always_late(domain)


def _letting_go(task: Task, after: str) -> Listener:
    told = task.listener

    def listener(event: StepEvent) -> None:
        told(event)
        if event.step == after and event.state is StepState.DONE:
            task.hand_over.set()

    return listener


def _always_late(domain: Domain) -> Busy:
    return Busy(f"others are always quicker at '{domain.name}'", hint="ask again")


def submit(
    database: Database,
    context: Context,
    kind: Kind[Any],
    domain: Domain,
    request: JsonObject,
    who: str,
    note: Note = unnoted,
) -> Record:
    """Write it down for a worker to do; comes back at once.

    ``note`` is written with it, or not at all.

    Raises:
        Busy: an operation on the instance has not ended; says whose.
    """
    record = new_record(context, kind, domain, request, who, executor="")
    _write(database, record, note)
    return record


def begin(
    engine: Engine,
    context: Context,
    kind: Kind[Any],
    domain: Domain,
    request: JsonObject,
    asker: Asker,
    secret: object,
    note: Note = unnoted,
) -> tuple[Record, Task]:
    """Begin it in this process, which alone knows ``secret``, and come back at once.

    Whoever calls sees to its end: ``Task.ended``, ``Task.hand_over``.

    Raises:
        Busy: an operation on the instance has not ended; says whose.
        DatabaseTrouble: it could not be begun; says whether it is on record.
    """
    record = new_record(context, kind, domain, request, asker.who, executor=engine.executor.id)
    task = _task(context, asker, secret)
    _write(engine.database, record, note)
    engine.begin(record, task, begun_before=False)
    return record, task


def new_record(
    context: Context,
    kind: Kind[Any],
    domain: Domain,
    request: JsonObject,
    who: str,
    *,
    executor: str,
) -> Record:
    """An operation that was asked for just now."""
    return Record(
        id=secrets.token_hex(_ID_BYTES),
        kind=kind.name,
        version=kind.version,
        host=context.host.name,
        daemon=daemon_of(context.host),
        instance=domain.uuid,
        name=domain.name,
        who=who,
        request=request,
        created=now(),
        executor=executor,
    )


def _write(database: Database, record: Record, note: Note) -> None:
    """Write it down.

    Raises:
        Busy: an operation on the instance has not ended; says whose.
    """
    while not _written(database, record, note):
        with database.reading() as connection:
            found = records.unfinished(
                connection, daemons=[record.daemon], instance=record.instance
            )
        if found:
            raise lock.busy(record.name, words_of(found[0]))


def _written(database: Database, record: Record, note: Note = unnoted) -> bool:
    """Whether it is on record now; False where another one is at work on the instance."""
    try:
        with database.writing() as connection:
            records.insert(connection, record)
            note(connection, record)
            audit.add(connection, audit.of(record, Happening.ASKED, time=record.created))
    except IntegrityError:
        return False
    return True


def clear(engine: Engine, context: Context, kind: Kind[Any], domain: Domain, asker: Asker) -> None:
    """Deal with what a dead process left on the instance, unless it is what ``kind`` asks for.

    Raises:
        Busy: a process that lives is at work on the instance.
    """
    daemon = daemon_of(context.host)
    with engine.database.reading() as connection:
        found = records.unfinished(connection, daemons=[daemon], instance=domain.uuid)
    for other in found:
        if other.kind == kind.name and other.kind not in kind.undoes:
            continue  # its end may be the answer: ``perform`` sees to that
        if not is_left(engine, other):
            raise lock.busy(other.name, words_of(other))
        if adopt(engine, other, asker.who):
            _settle(engine, context, kind, other, asker)


def _make_way(
    engine: Engine,
    context: Context,
    kind: Kind[OperationT],
    record: Record,
    asker: Asker,
    secret: object | None = None,
) -> OperationT | None:
    """Deal with the one that is in the way; what it reached, if that is what was asked for.

    Only then it is told the ``secret``.

    Raises:
        Busy: its process lives.
    """
    with engine.database.reading() as connection:
        found = records.unfinished(connection, daemons=[record.daemon], instance=record.instance)
    if not found:
        return None
    other = found[0]
    if not is_left(engine, other):
        raise lock.busy(other.name, words_of(other))
    if not adopt(engine, other, asker.who):
        return None
    same = other.kind == kind.name and other.request == record.request
    if not same or foreign(engine, other) or other.kind in kind.undoes:
        _settle(engine, context, kind, other, asker)
        return None
    asker.notice("It was cut short before: it goes on where it was.")
    task = _task(context, asker, secret)
    engine.run(_once_more(other), task, begun_before=True)
    reached: OperationT = _reached(task)
    return reached


def _settle(engine: Engine, context: Context, kind: Kind[Any], other: Record, asker: Asker) -> None:
    """Close, roll back or finish one that is this process's now."""
    task = _task(context, asker)
    if unknown := foreign(engine, other):
        asker.notice(f"{unknown.message}.")
        close(engine, other, unknown, asker.who)
        return
    if other.kind in kind.replaces:
        close(engine, other, _made_up_for(kind), asker.who)
        return
    if other.kind in kind.undoes:
        asker.notice(f"An earlier {other.kind} was cut short: it is rolled back first.")
        task.interrupted.set()
    else:
        asker.notice(f"An earlier {other.kind} was cut short: it is finished first.")
    engine.run(_once_more(other), task, begun_before=True)
    if task.ending is None:
        raise lost(task.trouble)


def _task(context: Context, asker: Asker, secret: object | None = None) -> Task:
    return Task(context, secret, asker.listener, asker.progress, asker.notice)


def _once_more(record: Record) -> Record:
    return replace(record, attempts=record.attempts + 1)


def close_replaced(
    engine: Engine, context: Context, kind: Kind[Any], domain: Domain, who: str
) -> None:
    """Close what a dead process left on the instance, where ``kind`` makes up for it."""
    with engine.database.reading() as connection:
        found = records.unfinished(
            connection, daemons=[daemon_of(context.host)], instance=domain.uuid
        )
    for other in found:
        if other.kind in kind.replaces and is_left(engine, other) and adopt(engine, other, who):
            close(engine, other, _made_up_for(kind), who)


def _made_up_for(kind: Kind[Any]) -> Cancelled:
    return Cancelled(f"it was cut short, and '{kind.name}' makes up for it", safe="")


def go_on(engine: Engine, context: Context, record: Record, asker: Asker) -> bool:
    """Go on with an operation that was left behind, to its end; False if it is another's now."""
    if not is_left(engine, record) or not adopt(engine, record, asker.who):
        return False
    if unknown := foreign(engine, record):
        close(engine, record, unknown, asker.who)
        return True
    task = _task(context, asker)
    engine.run(_once_more(record), task, begun_before=True)
    if task.ending is None:
        raise lost(task.trouble)
    return True


def is_left(engine: Engine, record: Record) -> bool:
    """Whether nobody is at work on it although somebody was."""
    if not record.executor:
        return record.attempts > 0
    if record.executor == engine.executor.id:  # the database was lost in the middle
        return not engine.is_working_on(record.id)
    return executor.is_gone(engine.executor, record.executor)


def adopt(engine: Engine, record: Record, who: str) -> bool:
    """Make it this process's, if it is still whose it was; one of several that try succeeds."""
    with engine.database.writing() as connection:
        mine = engine.executor.id
        if not records.take(connection, record.id, before=record.executor, executor=mine):
            return False
        audit.add(connection, audit.of(record, Happening.ADOPTED, time=now(), who=who))
    return True


def foreign(engine: Engine, record: Record) -> LifebuoyError | None:
    """Why this Lifebuoy cannot go on with it; None if it can."""
    try:
        kind = engine.find(record.kind)
    except UnknownOperation as error:
        return error
    if kind.version == record.version:
        return None
    return UnknownOperation(
        f"it was begun by another version of Lifebuoy (its '{record.kind}' is version "
        f"{record.version}, ours {kind.version}), so its steps are not gone on with",
        safe="The instance is as it was left.",
        hint=f"lifebuoy show {record.name} says how it is; lifebuoy rescue exit {record.name} "
        "brings it out of rescue mode from wherever it is",
    )


def close(engine: Engine, record: Record, why: LifebuoyError, who: str) -> None:
    """Nobody goes on with it."""
    with engine.database.writing() as connection:
        conclude(connection, record.id, Ending(Outcome.CLOSED, error=why), who=who)


def words_of(record: Record) -> str:
    """Who is at work, for the refusal of others."""
    doing = f"{record.kind}, operation {record.id}, asked for by {record.who} at {record.created}"
    return doing if record.executor else f"{doing}, waits for a worker"


def _reached(task: Task) -> Any:
    """The operation at its end.

    Raises:
        LifebuoyError: what it ended with, if it is not done.
    """
    if task.ending is None:
        if isinstance(task.trouble, LetGo | LifebuoyError):
            raise lost(task.trouble) from task.trouble
        raise HostTrouble(f"unexpected {type(task.trouble).__name__}") from task.trouble
    if task.ending.error is not None:
        raise task.ending.error
    return task.operation
