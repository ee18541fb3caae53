"""``lifebuoy start``, ``stop`` and ``reboot``, outside rescue mode."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Final

import typer

from lifebuoy.cli import ask, booted, options, output, progress, there
from lifebuoy.cli.durable import OnRecord, on_record_if_possible
from lifebuoy.cli.operations import queued
from lifebuoy.cli.session import of
from lifebuoy.errors import ConsentNeeded
from lifebuoy.model import BootVerdict
from lifebuoy.operations import boot, power
from lifebuoy.operations.context import Context
from lifebuoy.operations.operation import JsonObject, Kind, OperationT
from lifebuoy.operations.unrecorded import told_plainly

_CONSENT: Final = "Do you consent to a forced shutdown?"


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
    queue: options.Queue = False,
    json: options.Json = False,
) -> None:
    """Start a stopped instance; with --watch, say whether it reaches a login.

    In rescue mode it is refused: leave rescue mode first.
    """
    session = of(context)
    asked: JsonObject = {"watch_s": watch}
    if server := session.server:
        at = there.Instance.named(session, server, name, as_json=json)
        if (result := at.act_plainly("start", asked, queue=queue)) is not None:
            _tell_start(at.name, boot.report_of(result["boot"]), as_json=json)
        return
    if queue:
        with session.instance(name) as (found, name):
            queued(session, found, power.START, name, asked, as_json=json)
        return
    with (
        session.instance(name) as (found, name),
        on_record_if_possible(session, silent=json) as opened,
    ):
        if opened is None:
            report = power.start(found, name, watch_s=watch)
        else:
            report = _performed(opened, found, power.START, name, asked, json).report
    _tell_start(name, report, as_json=json)


def _tell_start(name: str, report: boot.BootReport, *, as_json: bool) -> None:
    if as_json:
        output.print_json({"instance": name, "action": "start", "boot": booted.as_json(report)})
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
    queue: options.Queue = False,
    json: options.Json = False,
) -> None:
    """Shut a running instance down.

    Without consent it is only asked to shut down by itself. With --consent-force it is cut off if
    it does not stop in time, which can lose data.
    """
    session = of(context)
    if server := session.server:
        at = there.Instance.named(session, server, name, as_json=json)
        body: JsonObject = {"mode": stop, "consent": consent_force, "timeout_s": stop_timeout}
        if (result := _stopped_there(at, body, queue=queue, as_json=json)) is not None:
            _tell_stop(at.name, result["how"], as_json=json)
        return
    with session.instance(name) as (found, name):
        request = power.StopRequest(name, stop, consent_force, stop_timeout)
        if not json and output.interactive():
            check = partial(power.check_stop, found, request)
            if not ask.without_consent(check, _CONSENT):
                request = replace(request, consent=True)
        asked = power.packed(request)
        if queue:
            power.check_stop(found, request)  # consent is asked for where there is somebody to ask
            queued(session, found, power.STOP, name, asked, as_json=json)
            return
        with on_record_if_possible(session, silent=json) as opened:
            if opened is None:
                how = power.stop(found, request)
            else:
                how = _performed(opened, found, power.STOP, name, asked, json).how
    _tell_stop(name, how, as_json=json)


def _stopped_there(
    at: there.Instance, body: JsonObject, *, queue: bool, as_json: bool
) -> JsonObject | None:
    """Stopped by a server, which says whether consent is needed."""
    try:
        return at.act_plainly("stop", body, queue=queue)
    except ConsentNeeded as error:
        if as_json or not output.interactive():
            raise
        refusal = error
    # not in the handler above: while an error is handled, Ctrl-C is not listened to
    output.note(refusal.message)
    if not ask.agreed(_CONSENT):
        raise refusal
    return at.act_plainly("stop", body | {"consent": True}, queue=queue)


def _tell_stop(name: str, how: str, *, as_json: bool) -> None:
    if as_json:
        output.print_json({"instance": name, "action": "stop", "how": how})
    else:
        output.say(f"'{name}' is stopped: {how}.")


def reboot(
    context: typer.Context,
    name: options.Name,
    queue: options.Queue = False,
    json: options.Json = False,
) -> None:
    """Ask a running instance to reboot; it is not waited for.

    A reboot does not read a changed definition: for that, stop and start it.
    """
    session = of(context)
    if server := session.server:
        at = there.Instance.named(session, server, name, as_json=json)
        if at.act_plainly("reboot", None, queue=queue) is not None:
            _tell_reboot(at.name, as_json=json)
        return
    if queue:
        with session.instance(name) as (found, name):
            queued(session, found, power.REBOOT, name, {}, as_json=json)
        return
    with (
        session.instance(name) as (found, name),
        on_record_if_possible(session, silent=json) as opened,
    ):
        if opened is None:
            power.reboot(found, name)
        else:
            _performed(opened, found, power.REBOOT, name, {}, json)
    _tell_reboot(name, as_json=json)


def _tell_reboot(name: str, *, as_json: bool) -> None:
    if as_json:
        output.print_json({"instance": name, "action": "reboot"})
    else:
        output.say(f"'{name}' was asked to reboot.")


def _performed(
    opened: OnRecord,
    context: Context,
    kind: Kind[OperationT],
    name: str,
    request: JsonObject,
    json: bool,
) -> OperationT:
    """Done on record. One step needs no list of steps; what was left by others shows its own."""
    opened.clear(context, kind, name, silent=json)
    with told_plainly(), progress.shown(silent=True) as view:
        return opened.perform(context, kind, name, request, view)
