"""``lifebuoy rescue``: the group of rescue mode's commands."""

from __future__ import annotations

import typer

from lifebuoy.cli import rescue_enter, rescue_exit, rescue_password, rescue_status

app = typer.Typer(
    no_args_is_help=True,
    help="Enter rescue mode, look at it, and leave it.",
    epilog="Example: $ lifebuoy rescue enter web1",
)
for module in (rescue_enter, rescue_exit, rescue_status, rescue_password):
    module.register(app)
