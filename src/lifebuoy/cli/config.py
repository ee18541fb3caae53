"""``lifebuoy config``: the settings, and where each came from."""

from __future__ import annotations

import os

import typer

from lifebuoy.cli import columns, options, output
from lifebuoy.cli.columns import Cell
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
        columns.show(("SETTING", "VALUE", "FROM"), map(_row, found.origins))


def _row(origin: Origin) -> tuple[str, str, Cell]:
    value = "" if origin.value in (None, "") else str(origin.value)
    return origin.key, value, Cell(origin.source, "dim" if origin.source == "default" else "")
