"""What the commands of backup points share: doing an operation on record."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from lifebuoy.cli import durable, progress
from lifebuoy.cli.session import Session
from lifebuoy.operations import unrecorded
from lifebuoy.operations.context import Context
from lifebuoy.operations.operation import JsonObject, Kind, OperationT, Work

if TYPE_CHECKING:
    from lifebuoy.store.records import Record

#: Opens the record of operations for a block.
Records = Callable[[Session], AbstractContextManager[durable.OnRecord | None]]


def done(
    session: Session,
    context: Context,
    kind: Kind[OperationT],
    name: str,
    request: JsonObject,
    *,
    silent: bool,
    records: Records = durable.on_record_if_possible,
    secret: object | None = None,
) -> OperationT:
    """Do the operation on record and show it.

    What ``records`` opens says what happens without a database: as a rule it is done in one go,
    which is told; ``durable.on_record`` refuses.
    """
    with records(session) as opened:
        if opened is not None:
            opened.clear(context, kind, name, silent=silent)
            with progress.shown(silent=silent) as view:
                return opened.perform(context, kind, name, request, view, secret)
        domain = context.host.domain(name)
        with progress.shown(silent=silent) as view:
            operation = kind.make(Work(context, domain.uuid, request, secret, view.upload))
            with unrecorded.done(context, domain, kind, operation, view):
                return operation


def unfinished_deletion(opened: durable.OnRecord, id: str) -> Record | None:
    """The operation on record that was to delete a point whose id begins so and has no outcome."""
    from lifebuoy.store import records  # a tenth of a second

    with opened.database.reading() as connection:
        found = records.unfinished(connection)
    for record in found:
        points = record.request.get("points", [])
        if record.kind == "backup-delete" and any(point.startswith(id) for point in points):
            return record
    return None
