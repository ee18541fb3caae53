"""What the commands of backup points share: finding a point, doing an operation, sizes, ages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer

from lifebuoy.backup.book import Book, Point
from lifebuoy.cli import durable, progress
from lifebuoy.cli.session import Session
from lifebuoy.errors import AmbiguousInstance, InstanceNotFound, LifebuoyError, PointNotFound
from lifebuoy.hosts.fleet import Fleet
from lifebuoy.hypervisor import Domain, Host
from lifebuoy.operations import backup_list, unrecorded
from lifebuoy.operations.context import Context
from lifebuoy.operations.daemon import daemon_of
from lifebuoy.operations.operation import JsonObject, Kind, OperationT, Work

if TYPE_CHECKING:
    from lifebuoy.store.records import Record

_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")
_SPANS: Final = ((86400, "d"), (3600, "h"), (60, "min"))


def point_ids(context: typer.Context, incomplete: str) -> list[str]:
    """Ids that begin with what was typed; none where the host cannot be asked."""
    given = context.find_root().params
    session = Session(given.get("connect"), given.get("config_file"))
    try:
        with session.context() as found:
            every = backup_list.listing(found.host)
    except LifebuoyError:
        return []
    return [point.id for one in every for point in one.points if point.id.startswith(incomplete)]


#: Opens the record of operations for a block.
Records = Callable[[Session], AbstractContextManager[durable.OnRecord | None]]

PointId = Annotated[
    str,
    typer.Argument(
        metavar="ID",
        help="The backup point: its id, or the first characters of it; HOST/ID for one host's.",
        autocompletion=point_ids,
        show_default=False,
    ),
]


@contextmanager
def at_point(session: Session, ref: str) -> Iterator[tuple[Context, Book, Point]]:
    """The host that has the point, its instance's book and the point.

    Raises:
        PointNotFound: no host that answers has it.
        AmbiguousInstance: two have one whose id begins so.
    """
    host, _, id = ref.rpartition("/")
    if not host and len(session.many) < 2:
        with session.context() as found:
            yield (found, *backup_list.find(found.host, id))
        return
    with session.fleet() as fleet:
        name = host or _where(fleet, id)
        found = session.context_of(fleet.host(name))
        yield (found, *backup_list.find(found.host, id))


def done(
    session: Session,
    context: Context,
    kind: Kind[OperationT],
    name: str,
    request: JsonObject,
    *,
    silent: bool,
    records: Records = durable.on_record_if_possible,
) -> OperationT:
    """Do the operation on record and show it.

    What ``records`` opens says what happens without a database: as a rule it is done in one go,
    which is told; ``durable.on_record`` refuses.
    """
    with records(session) as opened:
        if opened is not None:
            opened.clear(context, kind, name, silent=silent)
            with progress.shown(silent=silent) as view:
                return opened.perform(context, kind, name, request, view)
        domain = context.host.domain(name)
        with progress.shown(silent=silent) as view:
            operation = kind.make(Work(context, domain.uuid, request, progress=view.upload))
            with unrecorded.done(context, domain, kind, operation, view):
                return operation


def unfinished_deletion(opened: durable.OnRecord, context: Context, id: str) -> Record | None:
    """The operation on record that was to delete a point whose id begins so and has no outcome."""
    from lifebuoy.store import records  # a tenth of a second

    with opened.database.reading() as connection:
        found = records.unfinished(connection, daemons=[daemon_of(context.host)])
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


def instance_of(context: Context, book: Book) -> Domain:
    """The instance whose book that is.

    Raises:
        InstanceNotFound: it is gone, but not its points.
    """
    found = context.host.find(book.uuid)
    if found is None:
        raise InstanceNotFound(
            f"the instance '{book.name}' is gone; its backup points are there still",
            hint=f"define it again, with UUID {book.uuid}: lifebuoy backup show --json has what "
            "was defined",
        )
    return found


def _where(fleet: Fleet, id: str) -> str:
    """The one host that has a point of that id."""
    answers = fleet.ask(lambda host: _has(host, id))
    there = [answer.place.name for answer in answers if answer.value]
    if len(there) > 1:
        raise AmbiguousInstance(
            f"backup points that begin with '{id}' are on {' and '.join(there)}",
            hint="say which one: " + " or ".join(f"{name}/{id}" for name in there),
        )
    if not there:
        silent = [answer.place.name for answer in answers if answer.error]
        words = f"; {', '.join(silent)} did not answer" if silent else ""
        raise PointNotFound(f"no backup point '{id}'{words}", hint="lifebuoy backup list")
    return there[0]


def _has(host: Host, id: str) -> bool:
    try:
        backup_list.find(host, id)
    except PointNotFound:
        return False
    return True
