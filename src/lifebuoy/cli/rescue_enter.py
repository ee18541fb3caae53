"""``lifebuoy rescue enter``: options, questions and the result. The checks are the operation's."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from lifebuoy.cli import (
    ask,
    dry_run,
    durable,
    entered,
    options,
    output,
    progress,
    script,
    there,
)
from lifebuoy.cli.complete import image_ids
from lifebuoy.cli.operations import tell_waiting
from lifebuoy.cli.session import Session, of
from lifebuoy.errors import BadInput, Refused
from lifebuoy.model import StopMode
from lifebuoy.operations.enter import ENTER, SEEDED, Secrets, packed
from lifebuoy.operations.operation import JsonObject
from lifebuoy.operations.plan import EnterRequest, check_input, plan
from lifebuoy.rescue.access import Seen

_EPILOG = """Examples:

$ lifebuoy rescue enter web1

$ lifebuoy rescue enter web1 --generate-password --ssh-key ~/.ssh/id_ed25519.pub --consent-force

$ printf '%s' "$PASSWORD" | lifebuoy rescue enter web1 --password-stdin --json

$ lifebuoy rescue enter web1 --dry-run"""


def register(app: typer.Typer) -> None:
    """Add the command to the group."""
    app.command("enter", epilog=_EPILOG)(enter_)


def enter_(
    context: typer.Context,
    name: options.Name,
    password_stdin: options.PasswordStdin = False,
    generate_password: options.GeneratePassword = False,
    ssh_key: Annotated[
        list[Path] | None,
        typer.Option(
            "--ssh-key",
            metavar="FILE",
            help="A file of public keys that may log in, such as ~/.ssh/id_ed25519.pub; "
            "may be given several times.",
            show_default=False,
        ),
    ] = None,
    stop: options.Stop = None,
    consent_force: options.Consent = False,
    image: Annotated[
        str | None,
        typer.Option(
            "--image",
            metavar="ID",
            help="The rescue image; else the default one (lifebuoy image list).",
            autocompletion=image_ids,
            show_default=False,
        ),
    ] = None,
    wait: Annotated[
        bool, options.flag("--wait/--no-wait", help="Wait until it can be logged in to.")
    ] = True,
    timeout: Annotated[
        float,
        typer.Option("--timeout", metavar="S", help="Seconds given to the rescue system."),
    ] = 300.0,
    stop_timeout: options.StopTimeout = 60.0,
    discard_saved: Annotated[
        bool,
        options.flag(
            "--discard-saved",
            help="Give up the memory saved by virsh managedsave; resuming it after a repair "
            "would damage the disk.",
        ),
    ] = False,
    run: Annotated[
        Path | None,
        typer.Option(
            "--run",
            metavar="FILE",
            help="A bash script of yours to run once in the rescue system when it is ready; "
            "shown before, its output kept.",
            show_default=False,
        ),
    ] = None,
    backup: Annotated[
        bool | None,
        options.flag(
            "--backup/--no-backup",
            help="Make a backup point first: recommended, as a repair writes to the disks. "
            "Without either it is asked at a terminal, and not made elsewhere.",
        ),
    ] = None,
    only_show: Annotated[
        bool, options.flag("--dry-run", help="Check everything, show what would change, end.")
    ] = False,
    queue: Annotated[
        bool,
        options.flag(
            "--queue",
            help="Hand image, password and keys over to the host, and leave the rest to a worker "
            "(lifebuoy worker); see it with lifebuoy operations watch.",
        ),
    ] = False,
    json: options.Json = False,
) -> None:
    """Boot an instance's rescue system, its own disks attached and untouched.

    You set a password for root of the rescue system; the instance's own passwords are not touched.
    A running instance must be shut down first, or you consent to a forced shutdown, which can
    lose data. If anything fails, the instance goes back to what it was.

    Make a backup point in the same step (--backup): a repair writes to the disks.
    """
    session = of(context)
    chosen = None
    if not only_show:
        chosen = ask.password_given(from_stdin=password_stdin, generate=generate_password)
    to_run = script.read(run) if run else None
    if to_run and not wait:
        raise BadInput("--run needs the rescue system to be ready: not with --no-wait")
    if to_run and queue:
        raise BadInput("a script is not left lying about for a worker: no --run with --queue")
    request = EnterRequest(
        name=name,
        # stands in where none is known yet: for the checks, which come before the questions
        password=chosen or ask.generate_password(),
        ssh_keys=_keys(ssh_key or []),
        stop=stop or StopMode.SOFT_FIRST,
        consent=consent_force,
        image=image,
        wait=wait,
        stop_timeout_s=stop_timeout,
        timeout_s=timeout,
        discard_saved=discard_saved,
        script=to_run.content if to_run else b"",
        backup=bool(backup),
    )
    check_input(request)
    if server := session.server:
        if to_run:
            session.require_here("a script is run by the process that enters, and by no server")
        at = there.Instance.named(session, server, name, as_json=json)
        planned = partial(_planned_there, at)
        if only_show:
            dry_run.show(planned(replace(request, consent=True)), request, as_json=json)
            return
        if output.interactive() and not json:
            request = _asked(
                planned, request, prompt=chosen is None, ask_backup=backup is None, to_run=None
            )
        _enter_there(at, request, made_up=generate_password, queue=queue, as_json=json)
        return
    with session.instance(name) as (found, name), ExitStack() as records:
        request = replace(request, name=name)
        if only_show:
            dry_run.show(dry_run.preview(found, request), request, as_json=json)
            return
        opened = records.enter_context(durable.on_record(session))
        opened.clear(found, ENTER, name, silent=json)
        if output.interactive() and not json:
            request = _asked(
                partial(plan, found),
                request,
                prompt=chosen is None,
                ask_backup=backup is None,
                to_run=to_run,
            )
        elif to_run and not json:
            output.note(f"script: {to_run.name}, sha256 {to_run.sha256}")
        made_up = request.password if generate_password else None
        secrets = Secrets.of(request, plan(found, request))
        asked = packed(request)
        if queue:
            with progress.shown(silent=json) as view:
                left = opened.hand_over(found, ENTER, name, asked, view, secrets, after=SEEDED)
            tell_waiting(session, opened.account(left), as_json=json, password=made_up)
            return
        with progress.shown(silent=json) as view:
            result = opened.perform(found, ENTER, name, asked, view, secrets).outcome()
    log = script.keep(session.state_dir, result, to_run) if to_run else None
    outcome = entered.Outcome(
        name=request.name,
        state=result.stay.phase.state,
        session=result.stay.session,
        since=result.stay.since,
        image=result.stay.image,
        was_running=result.stay.was_running,
        access=result.access,
        seen=result.seen,
        password=made_up,
        script=to_run,
        done=result.script,
        log=log,
    )
    _finish(session, outcome, as_json=json)


def _planned_there(at: there.Instance, request: EnterRequest) -> dry_run.Preview:
    """What entering would do, by a server.

    Raises:
        LifebuoyError: what stands in the way.
    """
    return dry_run.Preview(**at.ask("rescue/plan", _how(request)))


def _enter_there(
    at: there.Instance, request: EnterRequest, *, made_up: bool, queue: bool, as_json: bool
) -> None:
    """Enter by a server, which alone knows the password from then on."""
    password = request.password if made_up else None
    body = _how(request) | {"password": request.password}
    result = at.act("rescue/enter", body, queue=queue, password=password)
    if result is None:
        return
    status, seen = at.server.rescue(at.found), result["seen"]
    outcome = entered.Outcome(
        name=at.name,
        state=status.state,
        session=status.session,
        since=status.since,
        image=status.image,
        was_running=status.was_running,
        access=status.access,
        seen=Seen(**seen) if seen else None,
        password=password,
    )
    _finish(at.session, outcome, as_json=as_json)


def _how(request: EnterRequest) -> JsonObject:
    """The request without its password, as the REST API takes it."""
    return {
        "ssh_keys": list(request.ssh_keys),
        "stop": request.stop,
        "consent": request.consent,
        "image": request.image,
        "wait": request.wait,
        "stop_timeout_s": request.stop_timeout_s,
        "timeout_s": request.timeout_s,
        "discard_saved": request.discard_saved,
        "backup": request.backup,
    }


def _finish(session: Session, outcome: entered.Outcome, *, as_json: bool) -> None:
    if as_json:
        output.print_json(entered.as_json(outcome))
    else:
        entered.show(session, outcome)
    if outcome.done is not None and outcome.done.status != 0:
        raise typer.Exit(1)


def _keys(files: list[Path]) -> tuple[str, ...]:
    """The public keys in ``files``, a line each; comments and blank lines are passed over."""
    found: list[str] = []
    for file in files:
        try:
            lines = [line.strip() for line in file.expanduser().read_text().splitlines()]
        except (OSError, UnicodeDecodeError) as error:
            raise BadInput(f"cannot read the SSH key file {file}") from error
        if any("PRIVATE KEY" in line for line in lines):
            raise BadInput(f"{file} is a private key", hint=f"give the public one: {file}.pub")
        keys = [line for line in lines if line and not line.startswith("#")]
        if not keys:
            raise BadInput(f"no public key in {file}")
        found += keys
    return tuple(found)


def _asked(
    planned: Callable[[EnterRequest], object],
    request: EnterRequest,
    *,
    prompt: bool,
    ask_backup: bool,
    to_run: script.Script | None,
) -> EnterRequest:
    """The request with the user's answers: consent, backup point, script, password, in this order.

    The checks, which ``planned`` makes, come first, so that nobody types a password for what is
    refused anyway.
    """
    question = "Do you consent to a forced shutdown if it does not stop by itself?"
    if not ask.without_consent(lambda: planned(request), question):
        request = replace(request, consent=True)
        planned(request)
    if ask_backup:
        request = _with_backup(planned, request)
    if to_run:
        script.preview(to_run)
        if not ask.agreed("Run this script as root in the rescue system?"):
            raise typer.Abort
    return replace(request, password=ask.password_prompted()) if prompt else request


def _with_backup(planned: Callable[[EnterRequest], object], request: EnterRequest) -> EnterRequest:
    """The request with a backup point, unless the user says no or none is possible."""
    wanted = replace(request, backup=True)
    output.note("A repair writes to the instance's disks. We strongly recommend a backup point.")
    try:
        planned(wanted)
    except Refused as error:
        output.note(f"But none is possible: {error.message}", "Take a copy by other means first.")
        return request
    answer = ask.choice("Make a backup point first? [Y/n]")
    return request if answer in {"n", "no"} else wanted
