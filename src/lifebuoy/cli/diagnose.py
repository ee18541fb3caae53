"""``lifebuoy diagnose``: why an instance did not boot, by what it said. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import typer

from lifebuoy.cli import options, output
from lifebuoy.cli.session import of
from lifebuoy.doctor.evidence import Place
from lifebuoy.errors import NotFound
from lifebuoy.operations import doctor_shapes
from lifebuoy.operations.diagnosis import Diagnosis, require_outside, words
from lifebuoy.operations.diagnosis import diagnose as look


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "diagnose",
        epilog="Examples:\n\n$ lifebuoy diagnose web1\n\n"
        "$ lifebuoy diagnose web1 --json | jq -r .cause.link",
    )(diagnose)


def diagnose(context: typer.Context, name: options.Name, json: options.Json = False) -> None:
    """Say why an instance did not boot, by what it wrote to its serial port and what its screen
    shows.

    The screen is read while the instance runs, where it holds text in the font of a usual console;
    the serial port where the definition keeps a log of it, with `<log file='...'/>` below its
    `<serial>`. Nothing is changed or stopped, and no key is sent. In rescue mode lifebuoy doctor
    looks at the disks themselves.
    """
    session = of(context)
    if server := session.server:
        from lifebuoy.client import doctor

        there = session.there(server, name, looking=True)
        name = there.typed
        with _hinting(name):
            diagnosis = doctor.diagnosis(server, there)
    else:
        with session.look(name) as (found, name):
            require_outside(found.host, name)
            with _hinting(name):
                diagnosis = look(found.host, name)
    if json:
        output.print_json(doctor_shapes.diagnosis(name, diagnosis))
    else:
        _show(diagnosis)


@contextmanager
def _hinting(name: str) -> Iterator[None]:
    """In the block, where there is nothing to read, it is said what to do."""
    try:
        yield
    except NotFound as error:
        error.hint = error.hint or (
            f"start it and ask again: lifebuoy start {name}; "
            f"or enter rescue mode, where the disks are read: lifebuoy doctor {name}"
        )
        raise


def _show(diagnosis: Diagnosis) -> None:
    evidence = diagnosis.evidence
    cause = evidence.cause
    if cause is not None:
        output.say(
            f"{cause.pattern.link}: {cause.pattern.means}",
            f"  {_where(evidence.seen_on(cause.pattern.id))}: {cause.line}",
            f"  next: {cause.pattern.then}",
        )
    elif evidence.reached_login:
        places = [one for one, verdict in evidence.verdicts.items() if verdict.reached_login]
        output.say(f"It reached its login, {_where(places)}.")
    elif evidence.verdicts:
        output.say(
            "Nothing that is known was said; the last line is:",
            f"  {evidence.last_line or '(nothing at all)'}",
            "Enter rescue mode and have the disks looked at: lifebuoy doctor",
        )
    else:
        output.say(
            f"There is nothing to read: {words(diagnosis.look)}.",
            "Enter rescue mode and have the disks looked at: lifebuoy doctor",
        )
    log = f"its serial log was read ({diagnosis.serial_log})" if diagnosis.serial_log else ""
    output.note(f"({log or 'no serial log was read'}; {words(diagnosis.look)})")


def _where(places: Iterable[Place]) -> str:
    names = {Place.SERIAL: "serial port", Place.SCREEN: "screen"}
    return "on its " + " and its ".join(names[place] for place in places)
