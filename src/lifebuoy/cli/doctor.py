"""``lifebuoy doctor``: why the system on the disks of an instance in rescue mode does not boot."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from lifebuoy.cli import ask, boot_chain, options, output, progress
from lifebuoy.cli.session import Session, of
from lifebuoy.doctor.report import Report
from lifebuoy.operations.context import Context
from lifebuoy.operations.repair import examine
from lifebuoy.operations.runner import StepEvent, StepState

if TYPE_CHECKING:
    from lifebuoy.client.server import Found, Server

Timeout = Annotated[
    float,
    typer.Option("--timeout", metavar="S", help="Seconds that one look at the disks may take."),
]
_DOING = "look at the disks"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "doctor",
        epilog="Examples:\n\n$ lifebuoy doctor web1\n\n"
        "$ lifebuoy doctor web1 --json | jq -r .report.headline\n\n"
        "Exit status: 1 when something stops the boot.",
    )(doctor)


def doctor(
    context: typer.Context,
    name: options.Name,
    timeout: Timeout = 900.0,
    passphrase: options.Passphrase = False,
    passphrase_file: options.PassphraseFile = None,
    json: options.Json = False,
) -> None:
    """Say why the system on an instance's disks does not boot, along the chain that a boot is.

    For an instance in rescue mode. The doctor there reads the disks and changes nothing; every
    finding tells what was seen, why it stops the boot, and what would mend it: lifebuoy repair.
    Partitions, software RAID and LVM are seen as they are; for LUKS the passphrase is needed.
    """
    session = of(context)
    given = ask.passphrase_given(prompt=passphrase, file=passphrase_file)
    if server := session.server:
        there = session.there(server, name, looking=True)
        name, report = there.typed, look_there(server, there, timeout, given, silent=json)
    else:
        with session.look(name) as (found, name):
            report = look(found, name, timeout, given, silent=json)
    if json:
        output.print_json({"instance": name, "report": report.as_json()})
    else:
        show(session, name, report)
    if report.headline is not None:
        raise typer.Exit(1)


def look(
    context: Context, name: str, seconds: float, passphrase: bytes = b"", *, silent: bool
) -> Report:
    """The report, with the time that it takes shown."""
    return _shown(lambda: examine(context, name, seconds, passphrase), silent=silent)


def look_there(
    server: Server, found: Found, seconds: float, passphrase: bytes = b"", *, silent: bool
) -> Report:
    """The same by a server."""
    from lifebuoy.client.doctor import self_check

    return _shown(lambda: self_check(server, found, seconds, passphrase), silent=silent)


def _shown(examined: Callable[[], Report], *, silent: bool) -> Report:
    with progress.shown(silent=silent) as view:
        view(StepEvent(_DOING, StepState.STARTED))
        report = examined()
        view(StepEvent(_DOING, StepState.DONE, report.seconds))
    return report


def show(session: Session, name: str, report: Report) -> None:
    """The whole report, and what to do next."""
    output.say(*boot_chain.drawn(report))
    if any(finding.repair for finding in report.findings):
        where = session.address(name)
        output.note(f"See what would change: {session.command('repair', where, '--dry-run')}")
        output.note(f"Mend it: {session.command('repair', where)}")
