"""``lifebuoy host check``."""

from __future__ import annotations

import typer
from rich.table import Table
from rich.text import Text

from lifebuoy.cli import options, output
from lifebuoy.cli.session import of
from lifebuoy.errors import CannotConnect
from lifebuoy.hypervisor import CheckItem
from lifebuoy.operations.check import check, passed, without_host

app = typer.Typer(
    no_args_is_help=True,
    help="Look at the host that runs the instances.",
    epilog="Example: $ lifebuoy host check",
)

_VERDICTS = {True: ("ok", "green"), False: ("FAULT", "bold red"), None: ("note", "yellow")}


@app.callback()
def group() -> None:
    """Look at the host that runs the instances."""


@app.command(
    "check",
    epilog="Examples:\n\n$ lifebuoy host check\n\n"
    "$ lifebuoy --connect qemu+ssh://root@HOST/system host check --json\n\n"
    "Exit status: 0 nothing stands in the way, 1 something does.",
)
def check_(context: typer.Context, json: options.Json = False) -> None:
    """Check whether the host can do rescue mode: libvirt, QEMU, whether KVM really works, storage,
    firmware, programs, the rescue image.

    A note is worth knowing; a FAULT stands in the way. Each says what to do.
    """
    session = of(context)
    try:
        with session.context() as found:
            items = check(found)
    except CannotConnect as error:
        items = without_host(error, session.catalogue())
    if json:
        output.print_json({"ok": passed(items), "items": items})
    else:
        output.out().print(_table(items))
    if not passed(items):
        raise typer.Exit(1)


def _table(items: list[CheckItem]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for item in items:
        word, style = _VERDICTS[item.ok]
        detail = Text(item.detail)
        if item.hint:
            detail.append(f"\n{item.hint}", "dim")
        table.add_row(Text(word, style), item.name, detail)
    return table
