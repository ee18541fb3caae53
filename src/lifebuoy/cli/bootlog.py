"""``lifebuoy bootlog``: what an instance said while booting, where its definition keeps it."""

from __future__ import annotations

from typing import Annotated

import typer

from lifebuoy.cli import options, output
from lifebuoy.cli.session import of
from lifebuoy.errors import BadInput, LifebuoyError, NotFound
from lifebuoy.operations.boot import plain
from lifebuoy.operations.status import serial_log


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "bootlog",
        epilog="Examples:\n\n$ lifebuoy bootlog web1\n\n$ lifebuoy bootlog web1 --lines 0 | less",
    )(bootlog)


def bootlog(
    context: typer.Context,
    name: options.Name,
    lines: Annotated[
        int, typer.Option("--lines", "-n", metavar="N", help="The last N lines; 0: all.")
    ] = 200,
    json: options.Json = False,
) -> None:
    """Print what an instance wrote to its serial port, if its definition keeps a log of that.

    A definition keeps one with `<log file='...'/>` below its `<serial>`. Else look at the screen:
    lifebuoy screenshot; lifebuoy diagnose reads it.
    """
    if lines < 0:
        raise BadInput("--lines must be 0 or greater")
    session = of(context)
    session.require_here(
        "it does not hand out whole logs", f"what they mean: lifebuoy diagnose {name}"
    )
    with session.look(name) as (found, name):
        path = serial_log(found.host, name)
        if path is None:
            raise NotFound(f"'{name}' keeps no log of its serial port", hint=_screen(name))
        try:
            text = plain(found.host.read_file(path)).decode(errors="replace")
        except LifebuoyError as error:
            error.hint = error.hint or _screen(name)
            raise
    told = [line.rstrip() for line in text.split("\n") if line.strip()]
    told = told[-lines:] if lines else told
    if json:
        output.print_json({"instance": name, "file": path, "lines": told})
    else:
        output.say(*told)


def _screen(name: str) -> str:
    return (
        f"look at its screen: lifebuoy screenshot {name} {name}.png; or add "
        "<log file='/var/log/libvirt/qemu/NAME-serial.log'/> to its <serial> (virsh edit)"
    )
