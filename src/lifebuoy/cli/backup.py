"""``lifebuoy backup``: the group of backup points' commands."""

from __future__ import annotations

import typer

from lifebuoy.cli import backup_list, backup_make, backup_quota, backup_use, backup_verify

app = typer.Typer(
    no_args_is_help=True,
    help="Make backup points of an instance's disks, go back to them, and delete them.",
    epilog="Examples:\n\n$ lifebuoy backup create web1 --name 'before the upgrade'\n\n"
    "$ lifebuoy backup list\n\n$ lifebuoy backup restore 3f9a",
)
for module in (backup_make, backup_list, backup_use, backup_verify, backup_quota):
    module.register(app)
