"""Finding the backup point that is meant by the beginning of its id, on one host or among many."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from lifebuoy.backup.book import Book, Point
from lifebuoy.cli.complete import offered
from lifebuoy.cli.session import Session
from lifebuoy.errors import AmbiguousInstance, InstanceNotFound, PointNotFound
from lifebuoy.hosts.fleet import Answer, Fleet
from lifebuoy.hypervisor import Domain, Host
from lifebuoy.operations import backup_list
from lifebuoy.operations.context import Context

if TYPE_CHECKING:
    from lifebuoy.client.server import Server

#: The ids of a host's points, or of those of them that matter.
Ids = Callable[[Host], Sequence[str]]


def point_ids(context: typer.Context, incomplete: str) -> list[str]:
    """Ids that begin with what was typed; without those of hosts that cannot be asked."""
    return offered(
        context,
        incomplete,
        lambda fleet: [id for one in fleet.ask(backup_list.ids) for id in one.value or ()],
        backup_list.ids,
        _ids_there,
    )


def _ids_there(server: Server) -> list[str]:
    from lifebuoy.client import backups

    return [
        point.id
        for one in backups.listed(server)
        for each in one.instances
        for point in each.points
    ]


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
        AmbiguousInstance: not surely one.
    """
    with at_id(session, ref, backup_list.ids) as (found, id):
        yield (found, *backup_list.find(found.host, id))


@contextmanager
def at_id(session: Session, ref: str, ids: Ids) -> Iterator[tuple[Context, str]]:
    """The host of which ``ids`` tells an id that begins so, and what was typed of it.

    ``ref`` is ID or HOST/ID. Where there is one host, or one is named, it is not asked.

    Raises:
        PointNotFound: no host that answers has it.
        AmbiguousInstance: not surely one.
    """
    with session.at(ref, lambda fleet, id: _where(fleet, id, ids)) as found:
        yield found


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


def _where(fleet: Fleet, id: str, ids: Ids) -> str:
    backup_list.require_long(id)
    return chosen(id, fleet.ask(ids))


def chosen(id: str, answers: Sequence[Answer[Sequence[str]]]) -> str:
    """The one host that has a point whose id begins so; a whole id is surely one's. Pure.

    Raises:
        PointNotFound: none of those that answered has it.
        AmbiguousInstance: several begin so, or may, as one does not answer.
    """
    there = [
        (answer.place.name, one)
        for answer in answers
        for one in answer.value or ()
        if one.startswith(id)
    ]
    silent = [answer.place.name for answer in answers if answer.error]
    words = f"; {', '.join(silent)} did not answer" if silent else ""
    if not there:
        raise PointNotFound(f"no backup point '{id}'{words}", hint="lifebuoy backup list")
    if len(there) > 1 or (silent and there[0][1] != id):
        raise AmbiguousInstance(
            f"which backup point begins with '{id}' is not sure{words}",
            hint="say which one: " + " or ".join(f"{host}/{one}" for host, one in there),
        )
    return there[0][0]
