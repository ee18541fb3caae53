"""Errors as the user meets them: what happened, that nothing was lost, what to do; or as JSON."""

from __future__ import annotations

import sys

from rich.text import Text

from lifebuoy.cli import output
from lifebuoy.errors import LifebuoyError, StepFailed


def report(error: LifebuoyError, *, as_json: bool) -> int:
    """Show ``error`` on standard error; returns the exit status that goes with it."""
    if as_json:
        sys.stderr.write(output.as_json({"error": _facts(error)}) + "\n")
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


def _facts(error: LifebuoyError) -> dict[str, object]:
    """The documented shape: docs/schema/error.json."""
    facts: dict[str, object] = {
        "code": error.code,
        "message": error.message,
        "safe": error.safe,
        "hint": error.hint,
        "exit_status": error.exit_status,
        "step": None,
        "cause": None,
    }
    if isinstance(error, StepFailed):
        facts |= {"step": error.step, "cause": error.cause.code}
    return facts
