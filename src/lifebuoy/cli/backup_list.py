"""``lifebuoy backup list`` and ``show``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from lifebuoy.cli import columns, listing, options, output
from lifebuoy.cli.backup_point import PointId, at_point
from lifebuoy.cli.complete import instance_names
from lifebuoy.cli.session import Session, of
from lifebuoy.measures import age, size
from lifebuoy.operations import backup_list, shapes
from lifebuoy.operations.backup_list import InstanceBackups
from lifebuoy.operations.listing import Listed, rows

Backups = list[Listed[InstanceBackups]]


def register(app: typer.Typer) -> None:
    """Add the commands to the group."""
    app.command(
        "list",
        epilog="Examples:\n\n$ lifebuoy backup list\n\n"
        "$ lifebuoy backup list web1 --json | jq -r '.instances[].points[].id'",
    )(list_)
    app.command("show", epilog="Example:\n\n$ lifebuoy backup show 3f9a")(show)


def list_(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="[NAME]",
            help="The instance; else all of them.",
            autocompletion=instance_names,
            show_default=False,
        ),
    ] = "",
    json: options.Json = False,
) -> None:
    """List backup points with their ages and sizes, the oldest first.

    SIZE is what a point's own files take; DEPENDS names the points whose files it reads as well.
    """
    session = of(context)
    listed = _asked(session, name)
    if json:
        output.print_json(shapes.backups(listed))
    else:
        _print(listed)
    listing.end(listed, quiet=json)


def show(context: typer.Context, id: PointId, json: options.Json = False) -> None:
    """Show a backup point: what it is made of, and what it depends on."""
    session = of(context)
    if server := session.server:
        from lifebuoy.client import backups as there

        details = there.details(server, there.find(server, id))
    else:
        with at_point(session, id) as (found, _, point):
            details = backup_list.details(found.host, point.id)
    summary = details.summary
    if json:
        output.print_json(shapes.backup_point(details))
        return
    output.facts(
        [
            ("id", summary.id),
            ("name", summary.name),
            ("instance", summary.instance),
            ("kind", summary.kind),
            ("created", f"{summary.created} ({age(summary.created)} ago)"),
            ("size", size(summary.size_bytes)),
            ("depends", ", ".join(summary.depends)),
            ("uefi", "its variables are kept" if details.has_nvram else ""),
            (
                "files",
                "\n".join(
                    f"{file.disk}  {file.path}  {file.format}  {size(file.allocated_bytes)}"
                    + ("  (the instance's own)" if file.original else "")
                    for file in details.files
                ),
            ),
        ]
    )


def _asked(session: Session, name: str) -> Backups:
    if server := session.server:
        from lifebuoy.client import backups as there

        if not name:
            return there.listed(server)
        return there.of_instance(server, session.there(server, name, looking=True))
    if not name:
        return listing.of_hosts(session, backup_list.listing)
    with session.look(name) as (found, plain):
        host = found.host
        backups = backup_list.listing(host, host.domain(plain).uuid)
        return [Listed(host.given_name, host.uri, tuple(backups), None, 0.0)]


def _print(listed: Backups) -> None:
    shown = list(_rows(listed))
    if shown:
        columns.show(
            ("ID", "NAME", "INSTANCE", "KIND", "AGE", "SIZE", "DEPENDS"),
            shown,
            right=("AGE", "SIZE"),
        )
    else:
        output.say("There are no backup points.")
    for host, one in rows(listed):
        _remarks(f"{host}/{one.instance}" if host else one.instance, one)


def _rows(listed: Backups) -> Iterator[Sequence[str]]:
    for host, one in rows(listed):
        for point in one.points:
            yield (
                point.id,
                point.name,
                f"{host}/{one.instance}" if host else one.instance,
                point.kind,
                age(point.created),
                size(point.size_bytes),
                ", ".join(point.depends) or "-",
            )


def _remarks(name: str, one: InstanceBackups) -> None:
    if one.undo_of:
        output.note(
            f"'{name}' was taken back to {one.undo_of}; undo it: lifebuoy backup undo {name}"
        )
    if one.pending:
        output.note(f"'{name}': something was cut off; go on: lifebuoy backup tidy {name}")
    elif one.merges:
        output.note(f"'{name}': files are left to be merged: lifebuoy backup tidy {name}")
