"""``lifebuoy backup quota``: what the points of an instance may come to."""

from __future__ import annotations

from typing import Annotated

import typer

from lifebuoy.cli import options, output, there
from lifebuoy.cli.session import of
from lifebuoy.errors import BadInput
from lifebuoy.measures import size
from lifebuoy.operations.backup_quota import allow, allowed

_GIB = 1 << 30


def register(app: typer.Typer) -> None:
    """Add the command to the group."""
    app.command(
        "quota",
        epilog="Examples:\n\n$ lifebuoy backup quota web1\n\n"
        "$ lifebuoy backup quota web1 --points 5 --gib 100",
    )(quota)


def quota(
    context: typer.Context,
    name: options.Name,
    points: Annotated[
        int | None,
        typer.Option(
            "--points",
            metavar="N",
            help="How many backup points it may have; 0: any number.",
            show_default=False,
        ),
    ] = None,
    gib: Annotated[
        float | None,
        typer.Option(
            "--gib",
            metavar="GIB",
            help="What all files of its points may take, in GiB; 0: any amount.",
            show_default=False,
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Show or set how many backup points an instance may have, and how much room they may take.

    It is asked when a point is made. What frozen points' overlays grow by later counts for the
    next one.
    """
    if (points is not None and points < 0) or (gib is not None and gib < 0):
        raise BadInput("a quota must not be negative")
    session = of(context)
    wanted = None if gib is None else int(gib * _GIB)
    if server := session.server:
        from lifebuoy.client import backups

        at = there.Instance.named(session, server, name, as_json=json)
        name, now = at.name, backups.quota(server, at.found, points, wanted)
    else:
        with session.instance(name) as (found, name):
            if points is None and wanted is None:
                now = allowed(found.host, name)
            else:
                now = allow(found.host, name, points, wanted)
    if json:
        output.print_json({"instance": name, "points": now.points, "bytes": now.bytes})
    else:
        output.facts(
            [
                ("points", now.points or "any number"),
                ("size", size(now.bytes) if now.bytes else "any amount"),
            ]
        )
