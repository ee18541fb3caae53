"""What the commands of backup points share: doing an operation, sizes, ages."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from lifebuoy.cli import durable, progress
from lifebuoy.cli.session import Session
from lifebuoy.operations import unrecorded
from lifebuoy.operations.context import Context
from lifebuoy.operations.operation import JsonObject, Kind, OperationT, Work

if TYPE_CHECKING:
    from lifebuoy.store.records import Record

_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")
_SPANS: Final = ((86400, "d"), (3600, "h"), (60, "min"))


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


def size(number: int) -> str:
    """Bytes as people read them."""
    amount = float(number)
    for unit in _UNITS[:-1]:
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} {_UNITS[-1]}"


def age_s(created: str, now: datetime | None = None) -> int:
    """Seconds since a recorded time; 0 for one that is in the future or cannot be read."""
    try:
        then = datetime.fromisoformat(created)
    except ValueError:
        return 0
    return max(0, int(((now or datetime.now(UTC)) - then).total_seconds()))


def age(created: str) -> str:
    """The same in words."""
    seconds = age_s(created)
    for span, unit in _SPANS:
        if seconds >= span:
            return f"{seconds // span} {unit}"
    return f"{seconds} s"
