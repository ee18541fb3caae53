"""Operations as the user sees them: in a list, one with its steps, while it goes on.

Loads nothing of the database: records are passed in.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from lifebuoy.cli import columns, output
from lifebuoy.cli.columns import Cell
from lifebuoy.cli.progress import View
from lifebuoy.operations.runner import StepEvent, StepState

if TYPE_CHECKING:
    from lifebuoy.operations.history import Account
    from lifebuoy.store.records import Record

_STYLES: Final = {
    "done": "green",
    "failed": "bold red",
    "running": "bold",
    "left behind": "yellow",
}


class Teller:
    """Tells a view what is new in an operation that is watched from outside."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._told: dict[str, str] = {}

    def tell(self, account: Account) -> None:
        """Tell what has happened since the last time."""
        for step in account.steps:
            before = self._told.get(step.name)
            if before is None:
                self._view(StepEvent(step.name, StepState.STARTED))
            if before != step.state and step.state != StepState.STARTED:
                state = StepState(step.state)
                self._view(StepEvent(step.name, state, step.seconds or 0.0, step.detail))
            self._told[step.name] = step.state
        if account.record.progress is not None:
            self._view.upload(*account.record.progress)


def row(record: Record) -> tuple[str | Cell, ...]:
    """A line of the list."""
    state = record.standing
    return (
        record.id,
        record.kind,
        record.name,
        Cell(state, _STYLES.get(state, "")),
        (record.started or record.created)[:19] + "Z",
        f"{_seconds(record):.1f}" if record.finished and record.started else "",
        record.who,
    )


def _seconds(record: Record) -> float:
    began, ended = (datetime.fromisoformat(t) for t in (record.started, record.finished))
    return (ended - began).total_seconds()


def show(account: Account) -> None:
    """All of it, for a human."""
    record = account.record
    error = record.error or {}
    progress_ = record.progress
    output.facts(
        [
            ("operation", record.id),
            ("kind", record.kind),
            ("instance", f"{record.name}   ({record.instance})"),
            ("host", record.host),
            ("asked by", record.who),
            ("asked", record.created),
            ("began", record.started),
            ("ended", record.finished),
            ("state", record.standing),
            ("progress", f"{progress_[0]} of {progress_[1]}" if progress_ else ""),
            ("at work", record.executor if not record.is_finished else ""),
            ("adopted", f"{record.attempts - 1} times" if record.attempts > 1 else ""),
            (
                "cancel",
                f"asked for by {record.cancel_requested}" if record.cancel_requested else "",
            ),
            ("error", error.get("message", "")),
            ("", error.get("safe", "")),
            ("next", error.get("hint", "")),
        ]
    )
    begun = [(step.name, step.state, _took(step.seconds), step.detail) for step in account.steps]
    to_come = [(name, "to come", "", "") for name in account.to_come]
    if begun or to_come:
        output.say("")
        header = ("STEP", "STATE", "SECONDS", "DETAIL")
        columns.show(header, begun + to_come, right=("SECONDS",))


def say_end(account: Account) -> None:
    """How it ended, in a line or two."""
    record = account.record
    error = record.error or {}
    why = f": {error['message']}" if error else ""
    output.say(f"Operation {record.id} ({record.kind} '{record.name}') is {record.outcome}{why}")
    if error.get("safe"):
        output.say(f"  {error['safe']}")


def _took(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.1f}"
