"""Errors as the user meets them: what happened, that nothing was lost, what to do; or as JSON."""

from __future__ import annotations

import sys

from rich.text import Text

from lifebuoy.cli import output
from lifebuoy.errors import LifebuoyError
from lifebuoy.operations import shapes


def report(error: LifebuoyError, *, as_json: bool) -> int:
    """Show ``error`` on standard error; returns the exit status that goes with it."""
    if as_json:
        sys.stderr.write(output.as_json({"error": shapes.error(error)}) + "\n")
        return error.exit_status
    console = output.err()
    console.print(
        Text.assemble(
            ("error: ", "bold red"), output.clean(error.message), (f"  [{error.code}]", "dim")
        ),
        soft_wrap=True,
    )
    for part in (error.safe, f"Next: {error.hint}" if error.hint else ""):
        if part:
            console.print("  " + part, soft_wrap=True)
    return error.exit_status
