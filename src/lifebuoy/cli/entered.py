"""What ``rescue enter`` ends with: how to get in, once; or the same as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.text import Text

from lifebuoy.cli import access, output
from lifebuoy.cli.script import Script
from lifebuoy.cli.session import Session
from lifebuoy.operations import shapes
from lifebuoy.operations.enter import Entered


@dataclass(frozen=True, slots=True)
class Outcome:
    """``password`` is set only when it was made up by us: nobody else knows it."""

    entered: Entered
    name: str
    password: str | None
    script: Script | None
    log: Path | None

    def __repr__(self) -> str:
        return f"<Outcome of {self.name}>"


def as_json(outcome: Outcome) -> dict[str, object]:
    """The documented shape: docs/schema/rescue-enter.json."""
    stay, seen = outcome.entered.stay, outcome.entered.seen
    return {
        "instance": outcome.name,
        "state": stay.phase.state,
        "session": stay.session,
        "since": stay.since,
        "image": stay.image,
        "was_running": stay.was_running,
        "seen": {"agent": seen.agent, "ssh": seen.ssh} if seen else None,
        "password": outcome.password,
        "access": shapes.access(outcome.entered.access),
        "script": _script(outcome),
    }


def show(session: Session, outcome: Outcome) -> None:
    """For a human."""
    _show_script(outcome)
    seen = outcome.entered.seen
    ready = (
        seen.words
        if seen
        else "it is starting; see: "
        + session.command("rescue", "status", session.address(outcome.name))
    )
    output.say("", Text(f"'{outcome.name}' is in rescue mode: {ready}.", "bold"))
    password = f"{outcome.password}   (shown this once)" if outcome.password else ""
    output.facts(
        [
            ("password", password),
            *access.rows(session, outcome.name, outcome.entered.access),
        ]
    )
    access.what_next(session, outcome.name)


def _script(outcome: Outcome) -> dict[str, object] | None:
    done, script = outcome.entered.script, outcome.script
    if done is None or script is None:
        return None
    return {
        "name": script.name,
        "sha256": script.sha256,
        "status": done.status,
        "stdout": done.stdout.decode(errors="replace"),
        "stderr": done.stderr.decode(errors="replace"),
        "log": str(outcome.log) if outcome.log else None,
    }


def _show_script(outcome: Outcome) -> None:
    done, script = outcome.entered.script, outcome.script
    if done is None or script is None:
        return
    for title, printed in (("output", done.stdout), ("errors", done.stderr)):
        if printed.strip():
            output.say(f"{title} of {script.name}:")
            output.say(*(f"  {line}" for line in printed.decode(errors="replace").splitlines()))
    output.say(f"{script.name} ended with exit status {done.status}; kept in {outcome.log}")
