"""What ``rescue enter`` ends with: how to get in, once; or the same as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.text import Text

from lifebuoy.cli import access as ways
from lifebuoy.cli import output
from lifebuoy.cli.script import Script
from lifebuoy.cli.session import Session
from lifebuoy.hypervisor import Completed
from lifebuoy.model import InstanceState
from lifebuoy.operations import shapes
from lifebuoy.rescue.access import Access, Seen


@dataclass(frozen=True, slots=True)
class Outcome:
    """``password`` is set only when it was made up by us: nobody else knows it. ``done`` is what
    the owner's ``script`` did, and ``log`` the file that keeps it."""

    name: str
    state: InstanceState
    session: str
    since: str
    image: str
    was_running: bool
    access: Access
    seen: Seen | None
    password: str | None
    script: Script | None = None
    done: Completed | None = None
    log: Path | None = None

    def __repr__(self) -> str:
        return f"<Outcome of {self.name}>"


def as_json(outcome: Outcome) -> dict[str, object]:
    """The documented shape: docs/schema/rescue-enter.json."""
    seen = outcome.seen
    return {
        "instance": outcome.name,
        "state": outcome.state,
        "session": outcome.session,
        "since": outcome.since,
        "image": outcome.image,
        "was_running": outcome.was_running,
        "seen": {"agent": seen.agent, "ssh": seen.ssh} if seen else None,
        "password": outcome.password,
        "access": shapes.access(outcome.access),
        "script": _script(outcome),
    }


def show(session: Session, outcome: Outcome) -> None:
    """For a human."""
    _show_script(outcome)
    seen = outcome.seen
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
            *ways.rows(session, outcome.name, outcome.access),
        ]
    )
    ways.what_next(session, outcome.name)


def _script(outcome: Outcome) -> dict[str, object] | None:
    done, script = outcome.done, outcome.script
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
    done, script = outcome.done, outcome.script
    if done is None or script is None:
        return
    for title, printed in (("output", done.stdout), ("errors", done.stderr)):
        if printed.strip():
            output.say(f"{title} of {script.name}:")
            output.say(*(f"  {line}" for line in printed.decode(errors="replace").splitlines()))
    output.say(f"{script.name} ended with exit status {done.status}; kept in {outcome.log}")
