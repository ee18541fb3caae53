"""``lifebuoy config``: the settings, and where each came from."""

from __future__ import annotations

import os

import typer
from rich.table import Table
from rich.text import Text

from lifebuoy.cli import options, output
from lifebuoy.cli.session import of
from lifebuoy.settings import reading
from lifebuoy.settings.values import Origin

app = typer.Typer(
    no_args_is_help=True,
    help="Show the settings.",
    epilog="Example: $ lifebuoy config show",
)


@app.callback()
def group() -> None:
    """Show the settings."""


@app.command(
    "show",
    epilog="Examples:\n\n$ lifebuoy config show\n\n"
    "$ lifebuoy config show --json | jq -r '.settings[] | select(.key == \"database\").value'",
)
def show(context: typer.Context, json: options.Json = False) -> None:
    """Show every setting, its value and where that came from: an option, a variable, the file.

    An option beats the environment, which beats the file. Passwords are not shown. What may be
    set is in docs/settings.md.
    """
    session = of(context)
    found = reading.explained(session.flags, os.environ, session.config_path)
    if json:
        output.print_json({"file": found.path, "settings": found.origins})
    else:
        output.say(f"file: {found.path}" + ("" if found.path.exists() else "  (not there)"), "")
        output.out().print(_table(found.origins))


def _table(origins: tuple[Origin, ...]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("SETTING", "VALUE", "FROM"):
        table.add_column(title, overflow="fold")
    for origin in origins:
        value = "" if origin.value in (None, "") else str(origin.value)
        source = Text(origin.source, "dim" if origin.source == "default" else "")
        table.add_row(origin.key, Text(output.clean(value)), source)
    return table
