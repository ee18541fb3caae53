"""``lifebuoy start``, ``stop`` and ``reboot``, outside rescue mode."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import typer

from lifebuoy.cli import ask, options, output
from lifebuoy.cli.session import of
from lifebuoy.model import BootVerdict
from lifebuoy.operations import power


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("start", epilog="Example:\n\n$ lifebuoy start web1 --watch 120")(start)
    app.command(
        "stop",
        epilog="Examples:\n\n$ lifebuoy stop web1\n\n"
        "$ lifebuoy stop web1 --stop soft-first --consent-force",
    )(stop)
    app.command("reboot", epilog="Example:\n\n$ lifebuoy reboot web1")(reboot)


def start(
    context: typer.Context,
    name: options.Name,
    watch: options.Watch = 0.0,
    json: options.Json = False,
) -> None:
    """Start a stopped instance; with --watch, say whether it reaches a login.

    In rescue mode it is refused: leave rescue mode first.
    """
    with of(context).instance(name) as (found, name):
        report = power.start(found, name, watch_s=watch)
    if json:
        output.print_json(
            {
                "instance": name,
                "action": "start",
                "boot": {
                    "verdict": report.verdict,
                    "sign": report.sign,
                    "last_seen": report.last_seen,
                    "seconds": round(report.seconds, 1),
                },
            }
        )
        return
    output.say(f"'{name}' is started.")
    if report.verdict is not BootVerdict.NOT_WATCHED:
        output.say(f"Boot: {report.words}")


def stop(
    context: typer.Context,
    name: options.Name,
    stop: options.Stop = None,
    consent_force: options.Consent = False,
    stop_timeout: options.StopTimeout = 60.0,
    json: options.Json = False,
) -> None:
    """Shut a running instance down.

    Without consent it is only asked to shut down by itself. With --consent-force it is cut off if
    it does not stop in time, which can lose data.
    """
    request = power.StopRequest(name, stop, consent_force, stop_timeout)
    with of(context).instance(name) as (found, name):
        if not json and output.interactive():
            check = partial(power.check_stop, found, request)
            if not ask.without_consent(check, "Do you consent to a forced shutdown?"):
                request = replace(request, consent=True)
        how = power.stop(found, request)
    if json:
        output.print_json({"instance": name, "action": "stop", "how": how})
    else:
        output.say(f"'{name}' is stopped: {how}.")


def reboot(context: typer.Context, name: options.Name, json: options.Json = False) -> None:
    """Ask a running instance to reboot; it is not waited for.

    A reboot does not read a changed definition: for that, stop and start it.
    """
    with of(context).instance(name) as (found, name):
        power.reboot(found, name)
    if json:
        output.print_json({"instance": name, "action": "reboot"})
    else:
        output.say(f"'{name}' was asked to reboot.")
