"""``lifebuoy backup restore``, ``undo``, ``delete`` and ``tidy``."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from lifebuoy.backup.book import ChangeKind
from lifebuoy.cli import ask, backups_there, columns, durable, options, output, there
from lifebuoy.cli.backup_point import PointId, at_id, at_point, instance_of
from lifebuoy.cli.backup_words import done, unfinished_deletion
from lifebuoy.cli.session import Session, of
from lifebuoy.errors import HostSilent, PointNotFound, Refused
from lifebuoy.hosts.fleet import Fleet
from lifebuoy.measures import size
from lifebuoy.operations import backup_delete, backup_list, backup_restore, shapes
from lifebuoy.operations.backup_delete import Deletion
from lifebuoy.operations.backup_site import Site
from lifebuoy.operations.context import Context
from lifebuoy.operations.daemon import daemon_of

if TYPE_CHECKING:
    from lifebuoy.store.records import Record

_WORDS = {
    ChangeKind.DROP: "throw away",
    ChangeKind.COMMIT: "merge",
    ChangeKind.PULL: "merge",
    ChangeKind.MOVE: "copy back",
}
Later = Annotated[
    bool,
    options.flag(
        "--later",
        help="Leave what cannot be merged while the instance runs for when it is stopped.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the group."""
    app.command("restore", epilog="Example:\n\n$ lifebuoy backup restore 3f9a")(restore)
    app.command("undo", epilog="Example:\n\n$ lifebuoy backup undo web1")(undo)
    app.command(
        "delete",
        epilog="Examples:\n\n$ lifebuoy backup delete 3f9a --dry-run\n\n"
        "$ lifebuoy backup delete 3f9a",
    )(delete)
    app.command("tidy", epilog="Example:\n\n$ lifebuoy backup tidy web1")(tidy)


def restore(context: typer.Context, id: PointId, json: options.Json = False) -> None:
    """Go back to a backup point: the disks, and the UEFI variables, are as they were then.

    The instance must be stopped. Nothing is copied, so it takes a moment only, and the state
    before is kept: lifebuoy backup undo brings it back.
    """
    session = of(context)
    if server := session.server:
        at = backups_there.Point.named(session, server, id, as_json=json)
        at.restore()
        name, full = at.name, at.id
    else:
        with at_point(session, id) as (found, book, point):
            domain = instance_of(found, book)
            name, full = domain.name, point.id
            asked = asdict(backup_restore.RestoreRequest(full))
            done(session, found, backup_restore.RESTORE, name, asked, silent=json)
    if json:
        output.print_json({"instance": name, "action": "restore", "id": full})
        return
    output.say(f"'{name}' is as it was at backup point {full}.")
    output.note(f"Undo it: {session.command('backup', 'undo', session.address(name))}")


def undo(context: typer.Context, name: options.Name, json: options.Json = False) -> None:
    """Undo the last restore of an instance; asked again, it is done again.

    The instance must be stopped. What was written since the restore is kept and comes back when
    this is undone in turn; deleting the point that was gone back to gives it up.
    """
    session = of(context)
    if server := session.server:
        at = there.Instance.named(session, server, name, as_json=json)
        at.act("backups/undo", queue=False)
        name = at.name
    else:
        with session.instance(name) as (found, name):
            asked = asdict(backup_restore.RestoreRequest())
            done(session, found, backup_restore.UNDO, name, asked, silent=json)
    if json:
        output.print_json({"instance": name, "action": "undo"})
        return
    output.say(f"The last restore of '{name}' is undone.")
    output.note("Asking again brings it back.")


def delete(
    context: typer.Context,
    id: PointId,
    later: Later = False,
    only_show: Annotated[
        bool, options.flag("--dry-run", help="Show what would be merged, and end.")
    ] = False,
    yes: Annotated[bool, options.flag("--yes", "-y", help="Do not ask.")] = False,
    json: options.Json = False,
) -> None:
    """Delete a backup point and merge what it alone has kept apart.

    A running instance goes on running meanwhile. Merging can be stopped at any moment, even by a
    crash, and is gone on with by the next call. With the last point gone the definition is what
    it was before the first one.
    """
    session = of(context)
    if server := session.server:
        at = backups_there.Point.named(session, server, id, as_json=json)
        if only_show:
            _show(at.deletion(), at.name, at.id, as_json=json)
            return
        if not yes:
            _require_agreed(at.deletion, at.name, at.id, as_json=json)
        _tell(session, at.name, "delete", at.delete(later=later), at.id, as_json=json)
        return
    if not only_show and _go_on(session, id, later, as_json=json):
        return
    try:
        _delete(session, id, later, only_show=only_show, ask_first=not yes, as_json=json)
    except PointNotFound:
        if only_show or not _finished(session, id, as_json=json):
            raise


def _delete(
    session: Session, id: str, later: bool, *, only_show: bool, ask_first: bool, as_json: bool
) -> None:
    with at_point(session, id) as (found, book, point):
        domain = instance_of(found, book)
        name = domain.name
        site = Site(found.host, domain)
        plan = backup_delete.planned(site, site.book(), (point.id,))
        if only_show:
            _show(plan, name, point.id, as_json=as_json)
            return
        if ask_first:
            _require_agreed(lambda: plan, name, point.id, as_json=as_json)
        asked = asdict(backup_delete.DeleteRequest((point.id,), later))
        try:
            operation = done(session, found, backup_delete.DELETE, name, asked, silent=as_json)
            left = int(operation.result()["left"])
        except PointNotFound:
            left = 0  # one that was cut off came first, and has deleted it
    _tell(session, name, "delete", left, point.id, as_json=as_json)


def _require_agreed(plan: Callable[[], Deletion], name: str, id: str, *, as_json: bool) -> None:
    """Show what it would do and ask, where there is somebody to be asked."""
    if as_json or not output.interactive():
        return
    _print(plan())
    if not ask.agreed(f"Delete backup point {id} of '{name}' for good?"):
        raise typer.Abort


def _go_on(session: Session, ref: str, later: bool, *, as_json: bool) -> bool:
    """Go on with deleting a point that is off the list already; whether there was one."""
    with ExitStack() as stack:
        try:
            found, id = stack.enter_context(at_id(session, ref, backup_list.leaving_ids))
        except PointNotFound:
            return False
        book = backup_list.leaving(found.host, id)
        if book is None:
            return False
        name = instance_of(found, book).name
        left = _tidied(session, found, name, later, silent=as_json)
    full = next(one for one in book.leaving if one.startswith(id))
    _tell(session, name, "delete", left, full, as_json=as_json)
    return True


def tidy(
    context: typer.Context, name: options.Name, later: Later = False, json: options.Json = False
) -> None:
    """Go on with merging that was cut off, or was left until the instance is stopped."""
    session = of(context)
    if server := session.server:
        at = there.Instance.named(session, server, name, as_json=json)
        if not backups_there.has_any(at):
            raise _nothing_to_tidy(at.name)
        reached = at.act("backups/tidy", {"later": later}, queue=False)
        _tell(session, at.name, "tidy", int((reached or {}).get("left", 0)), "", as_json=json)
        return
    with session.instance(name) as (found, name):
        uuid = found.host.domain(name).uuid
        if not backup_list.listing(found.host, uuid):
            raise _nothing_to_tidy(name)
        left = _tidied(session, found, name, later, silent=json)
    _tell(session, name, "tidy", left, "", as_json=json)


def _nothing_to_tidy(name: str) -> Refused:
    return Refused(f"'{name}' has no backup points, and nothing is left to be merged")


def _tidied(session: Session, context: Context, name: str, later: bool, *, silent: bool) -> int:
    """Merge what can be merged; how many merges are left."""
    asked = asdict(backup_delete.DeleteRequest((), later))
    operation = done(session, context, backup_delete.TIDY, name, asked, silent=silent)
    return int(operation.result()["left"])


def _finished(session: Session, ref: str, *, as_json: bool) -> bool:
    """Finish what one that died had all but finished; whether there was such a one."""
    id = session.plain(ref)
    with durable.on_record(session) as opened:
        record = unfinished_deletion(opened, id)
        if record is None:
            return False
        with session.at(ref, lambda fleet, _: _of_daemon(fleet, record)) as (found, _):
            if daemon_of(found.host) != record.daemon:
                return False
            opened.clear(found, backup_delete.TIDY, record.instance, silent=as_json)
    full = next(one for one in record.request["points"] if one.startswith(id))
    _tell(session, record.name, "delete", 0, full, as_json=as_json)
    return True


def _of_daemon(fleet: Fleet, record: Record) -> str:
    """The host that an operation is at, by the name that it has here."""
    for answer in fleet.ask(daemon_of):
        if answer.value == record.daemon:
            return answer.place.name
    raise HostSilent(
        f"the host of '{record.name}' ({record.host}) does not answer",
        hint="lifebuoy host check",
    )


def _tell(session: Session, name: str, action: str, left: int, id: str, *, as_json: bool) -> None:
    if as_json:
        output.print_json({"instance": name, "action": action, "id": id, "merges_left": left})
        return
    output.say(f"Backup point {id} of '{name}' is deleted." if id else f"'{name}' is tidy.")
    if left:
        go_on = session.command("backup", "tidy", session.address(name))
        output.note(f"{left} merges are left until it is stopped: {go_on}")


def _show(plan: Deletion, name: str, id: str, *, as_json: bool) -> None:
    if as_json:
        output.print_json(shapes.deletion(name, id, plan))
        return
    _print(plan)
    output.note("Nothing was changed.")


def _print(plan: Deletion) -> None:
    if plan.merges:
        rows = [
            (
                _WORDS[merge.kind],
                "\n".join(merge.files),
                size(merge.bytes) if merge.into else "-",
                "yes" if merge.stopped_only else "no",
            )
            for merge in plan.merges
        ]
        columns.show(("WHAT", "FILE THAT GOES", "WRITES AT MOST", "ONLY STOPPED"), rows)
    else:
        output.say("There is nothing to merge; other points still need all files.")
    if plan.loses_undo:
        output.note("The last restore can then no longer be undone: the state before it is lost.")
    if plan.definition_as_before:
        output.note("The definition is then what it was before the first point.")
