"""``lifebuoy backup create``: freeze the disks of an instance, or copy them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from lifebuoy.cli import options, output, there
from lifebuoy.cli.backup_words import done
from lifebuoy.cli.durable import on_record
from lifebuoy.cli.session import Session, of
from lifebuoy.errors import BadInput
from lifebuoy.operations import backup_copy, backup_create
from lifebuoy.operations.operation import JsonObject, Kind, Operation

_EPILOG = """Examples:

$ lifebuoy backup create web1

$ lifebuoy backup create web1 --name 'before the upgrade' --keep 5

$ lifebuoy backup create web1 --copy --pool backups"""


def register(app: typer.Typer) -> None:
    """Add the command to the group."""
    app.command("create", epilog=_EPILOG)(create)


def create(
    context: typer.Context,
    name: options.Name,
    label: Annotated[
        str, typer.Option("--name", metavar="TEXT", help="What to call the backup point.")
    ] = "",
    copy: Annotated[
        bool,
        options.flag("--copy", help="Copy the disks to files of their own instead of freezing."),
    ] = False,
    pool: Annotated[
        str,
        typer.Option(
            "--pool",
            metavar="POOL",
            help="Where the copies go: a storage pool, or a folder of the host by its absolute "
            "path; else beside the disks.",
        ),
    ] = "",
    freeze: Annotated[
        bool,
        options.flag(
            "--freeze/--no-freeze",
            help="Hold a running guest's file systems still for a moment while copying begins, by "
            "its guest agent; without it the copy is as after a power failure.",
        ),
    ] = True,
    keep: Annotated[
        int,
        typer.Option("--keep", metavar="N", help="Delete the oldest points beyond N; 0: keep all."),
    ] = 0,
    json: options.Json = False,
) -> None:
    """Make a backup point: all disks of an instance at one moment, and its UEFI variables.

    The disks are frozen as they are and what is written from now on goes to new files: at once,
    whatever their size. While there are points the definition names those new files; deleting the
    last point merges them and gives the former definition back. A frozen point lies in the same
    storage as the disk and is lost with it.

    With --copy the disks are copied instead: that takes as long as copying does, stands for
    itself, and is possible while the instance runs.
    """
    if pool and not copy:
        raise BadInput("--pool says where copies go", hint="add --copy")
    session = of(context)
    if server := session.server:
        at = there.Instance.named(session, server, name, as_json=json)
        body = {"name": label, "keep": keep, "copy": copy, "pool": pool, "freeze": freeze}
        if (reached := at.act("backups", body, queue=False)) is not None:
            _tell(session, at.name, reached, copy=copy, as_json=json)
        return
    with session.instance(name) as (found, name):
        kind: Kind[Operation]
        if copy:
            asked = asdict(backup_copy.CopyRequest(label, keep, pool, freeze))
            kind = backup_copy.COPY
        else:
            asked = asdict(backup_create.CreateRequest(label, keep))
            kind = backup_create.CREATE
        operation = done(session, found, kind, name, asked, silent=json, records=on_record)
        made = operation.result()
    _tell(session, name, made, copy=copy, as_json=json)


def _tell(session: Session, name: str, made: JsonObject, *, copy: bool, as_json: bool) -> None:
    if as_json:
        word = "copy" if copy else "frozen"
        output.print_json({"instance": name, "action": "create", "kind": word, **made})
        return
    output.say(f"Backup point {made['id']} of '{name}' was made.")
    output.note(f"Go back to it: {session.command('backup', 'restore', str(made['id']))}")
