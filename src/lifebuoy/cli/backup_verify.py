"""``lifebuoy backup verify``."""

from __future__ import annotations

from dataclasses import asdict

import typer

from lifebuoy.cli import options, output, progress
from lifebuoy.cli.backup_point import PointId, at_point
from lifebuoy.cli.backups_there import Point
from lifebuoy.cli.session import of
from lifebuoy.operations import backup_verify


def register(app: typer.Typer) -> None:
    """Add the command to the group."""
    app.command("verify", epilog="Example:\n\n$ lifebuoy backup verify 3f9a")(verify)


def verify(context: typer.Context, id: PointId, json: options.Json = False) -> None:
    """Look whether a backup point is still what was noted when it was made.

    Of a frozen point's files the size, the time of the last write, the format and the chain are
    compared, and qemu-img looks through them where it can be run. A copy is read whole and its
    SHA-256 compared. The exit status is 1 if something is not as it should be.
    """
    session = of(context)
    if server := session.server:
        result = Point.named(session, server, id, as_json=json).verification()
    else:
        with at_point(session, id) as (found, _, point), progress.shown(silent=json) as view:
            result = backup_verify.verify(found.host, point.id, view.upload)
    if json:
        files = [{**asdict(file), "ok": file.ok} for file in result.files]
        output.print_json(
            {"id": result.id, "instance": result.instance, "ok": result.ok, "files": files}
        )
    else:
        for file in result.files:
            output.say(f"{'ok' if file.ok else 'FAULT'}  {file.disk}  {file.path}")
            output.say(f"    {file.problem or file.how}")
        good = "is what was noted of it" if result.ok else "is NOT what was noted of it"
        output.say(f"Backup point {result.id} of '{result.instance}' {good}.")
    if not result.ok:
        raise typer.Exit(1)
