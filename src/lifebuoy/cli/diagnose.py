"""``lifebuoy diagnose``: why an instance did not boot, by what it said. Changes nothing."""

from __future__ import annotations

import typer

from lifebuoy.cli import options, output
from lifebuoy.cli.session import of
from lifebuoy.doctor import Verdict, read
from lifebuoy.errors import NotAllowed, NotFound
from lifebuoy.hypervisor import Host
from lifebuoy.operations.status import serial_log
from lifebuoy.rescue import record


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "diagnose",
        epilog="Examples:\n\n$ lifebuoy diagnose web1\n\n"
        "$ lifebuoy diagnose web1 --json | jq -r .cause.link",
    )(diagnose)


def diagnose(context: typer.Context, name: options.Name, json: options.Json = False) -> None:
    """Say why an instance did not boot, by what it wrote to its serial port.

    Its definition must keep a log of that, with `<log file='...'/>` below its `<serial>`. Nothing
    is changed or stopped. In rescue mode lifebuoy doctor looks at the disks themselves.
    """
    with of(context).look(name) as (found, name):
        _require_outside(found.host, name)
        path = serial_log(found.host, name)
        if path is None:
            raise NotFound(
                f"'{name}' keeps no log of its serial port",
                hint=f"look at its screen: lifebuoy screenshot {name} {name}.png; "
                f"or enter rescue mode, where the disks are read: lifebuoy doctor {name}",
            )
        verdict = read(found.host.read_file(path))
    if json:
        output.print_json(as_json(name, path, verdict))
    else:
        _show(verdict)


def _require_outside(host: Host, name: str) -> None:
    """In rescue mode the last that was said is the rescue system's."""
    domain = host.domain(name)
    if (stay := record.read(domain)) is not None:
        raise NotAllowed(
            f"'{domain.name}' is in rescue mode ({record.state_of(domain, stay)}), and what its "
            "serial port says is the rescue system's",
            hint=f"look at its disks: lifebuoy doctor {domain.name}",
        )


def as_json(name: str, path: str, verdict: Verdict) -> dict[str, object]:
    """The verdict as plain data."""
    return {
        "instance": name,
        "file": path,
        "reached_login": verdict.reached_login,
        "cause": verdict.cause
        and {
            "id": verdict.cause.pattern.id,
            "link": verdict.cause.pattern.link,
            "means": verdict.cause.pattern.means,
            "then": verdict.cause.pattern.then,
            "line": verdict.cause.line,
        },
        "signs": [{"id": sign.pattern.id, "line": sign.line} for sign in verdict.signs],
        "last_line": verdict.last_line,
    }


def _show(verdict: Verdict) -> None:
    cause = verdict.cause
    if cause is not None:
        output.say(
            f"{cause.pattern.link}: {cause.pattern.means}",
            f"  it said: {cause.line}",
            f"  next: {cause.pattern.then}",
        )
    elif verdict.reached_login:
        output.say("It reached its login.")
    else:
        output.say(
            "Nothing that is known was said; the last line is:",
            f"  {verdict.last_line or '(nothing at all)'}",
            "Enter rescue mode and have the disks looked at: lifebuoy doctor",
        )
