"""``lifebuoy repair``: mends what the doctor found, or takes the last repair back."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.text import Text

from lifebuoy.cli import (
    ask,
    boot_chain,
    durable,
    options,
    output,
    progress,
    repair_sources,
    repair_there,
)
from lifebuoy.cli.backup_words import done
from lifebuoy.cli.doctor import Timeout, look
from lifebuoy.cli.operations import queued, tell_waiting
from lifebuoy.cli.session import Session, of
from lifebuoy.doctor.report import Plan, Report
from lifebuoy.errors import BadInput
from lifebuoy.operations import doctor_shapes
from lifebuoy.operations import repair as operation
from lifebuoy.operations.context import Context
from lifebuoy.operations.operation import JsonObject
from lifebuoy.operations.repair import Repaired, RepairRequest, Secret, UndoRequest
from lifebuoy.operations.supplying import NOTHING, Brought
from lifebuoy.rescue import packages
from lifebuoy.rescue.packages import Supply

_ID: Final = re.compile(r"[a-z][a-z0-9-]{0,63}")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "repair",
        epilog="Examples:\n\n$ lifebuoy repair web1 --dry-run\n\n$ lifebuoy repair web1\n\n"
        "$ lifebuoy repair web1 --only loader-grub-files,base-libraries\n\n"
        "$ lifebuoy repair web1 --packages debian-12-amd64-DVD-1.iso --offline\n\n"
        "$ lifebuoy repair web1 --packages ~/debs --packages ~/more-debs\n\n"
        "$ lifebuoy repair web1 --undo\n\n"
        "Exit status: 1 when something still stops the boot, or a repair failed.",
    )(repair)


def repair(
    context: typer.Context,
    name: options.Name,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            metavar="ID,...",
            help="Only these findings of lifebuoy doctor; also those of high risk, which are "
            "mended only where they are named.",
            show_default=False,
        ),
    ] = None,
    only_show: Annotated[
        bool,
        options.flag(
            "--dry-run",
            help="Show what would change, as a diff, and where each package would come from, and "
            "end. Nothing is downloaded.",
        ),
    ] = False,
    undo: Annotated[
        bool, options.flag("--undo", help="Take the last repair back: every replaced byte.")
    ] = False,
    from_packages: Annotated[
        list[Path] | None,
        typer.Option(
            "--packages",
            metavar="DIR|ISO",
            help="Debian packages to take files from, after the instance's own cache: a folder of "
            ".deb files, or an ISO such as an installer's; may be given several times. They are "
            "put into the rescue system's drive for the repair, so it needs no network.",
            show_default=False,
        ),
    ] = None,
    offline: Annotated[
        bool,
        options.flag("--offline", help="Download no packages from the instance's repositories."),
    ] = False,
    yes: Annotated[bool, options.flag("--yes", "-y", help="Do not ask.")] = False,
    timeout: Timeout = 900.0,
    passphrase: options.Passphrase = False,
    passphrase_file: options.PassphraseFile = None,
    queue: options.Queue = False,
    json: options.Json = False,
) -> None:
    """Mend what keeps the system on an instance's disks from booting, and look again.

    For an instance in rescue mode; nothing of a healthy system is touched. Files come back from
    packages, verified by their checksums: out of the instance's own cache, then those of
    --packages, then its own repositories, whose signatures are checked. What is replaced is kept on
    the disk itself. Ctrl-C stops it after the repair under way, and takes back what was mended
    before.
    """
    session = of(context)
    if undo and (only or only_show or from_packages or offline):
        raise BadInput(
            "--undo takes a whole repair back",
            hint="leave --only, --dry-run, --packages and --offline away",
        )
    encrypted = passphrase or passphrase_file is not None
    if queue and encrypted:
        raise BadInput(
            "a worker cannot be told a passphrase: it is written down nowhere",
            hint="leave --queue away",
        )
    supply = packages.look(from_packages) if from_packages else None
    brought = Brought.of(supply) if supply else NOTHING
    request = RepairRequest(_ids(only or []), timeout, 2 * timeout, brought, offline, encrypted)
    secret = Secret(ask.passphrase_given(prompt=passphrase, file=passphrase_file))
    if server := session.server:
        if supply:
            session.require_here("packages are brought to the host by the process that repairs")
        at = repair_there.Repairs.named(session, server, name, request, secret, as_json=json)
        if undo:
            _tell_undone(at.name, at.undo(queue=queue), as_json=json)
        elif only_show:
            _tell_plan(at.name, *at.plan(), request, None, as_json=json)
        elif (
            queue or yes or json or not output.interactive() or _agreed(at.look(), at.name, request)
        ):
            _tell(session, at.name, at.repair(queue=queue), request, as_json=json)
        return
    with session.instance(name) as (found, name):
        if supply:
            operation.require_packages(found, name, brought)
            _tell_supply(supply, as_json=json)
        if undo:
            _undo(session, found, name, request, secret, queue=queue, as_json=json)
        elif only_show:
            _show_plan(found, name, request, secret, supply, as_json=json)
        elif queue and supply:
            _hand_over(session, found, name, request, as_json=json)
        elif queue:
            queued(session, found, operation.REPAIR, name, operation.packed(request), as_json=json)
        elif (
            yes
            or json
            or not output.interactive()
            or _agreed(_looked(found, name, request, secret), name, request)
        ):
            _repair(session, found, name, request, secret, as_json=json)


def _ids(only: list[str]) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(id_ for text in only for id_ in text.split(",") if id_))
    for id_ in found:
        if not _ID.fullmatch(id_):
            raise BadInput(f"'{id_}' is no finding's id", hint="lifebuoy doctor NAME names them")
    return found


def _tell_supply(supply: Supply, *, as_json: bool) -> None:
    if not as_json:
        output.note(f"Packages for the repair: {supply.words}.")


def _hand_over(
    session: Session, context: Context, name: str, request: RepairRequest, *, as_json: bool
) -> None:
    """Bring the packages to the host, and leave the rest to a worker, who has none of them."""
    asked = operation.packed(request)
    with durable.on_record(session) as opened:
        opened.clear(context, operation.REPAIR, name, silent=as_json)
        with progress.shown(silent=as_json) as view:
            after = operation.HANDED_OVER
            left = opened.hand_over(context, operation.REPAIR, name, asked, view, None, after=after)
        tell_waiting(session, opened.account(left), as_json=as_json)


def _looked(context: Context, name: str, request: RepairRequest, secret: Secret) -> Report:
    return look(context, name, request.examine_s, secret.passphrase, silent=False)


def _agreed(report: Report, name: str, request: RepairRequest) -> bool:
    """Show what would be mended, and ask; False where there is nothing."""
    todo = operation.chosen(report, request.only)
    output.note(boot_chain.verdict(report))
    if not todo:
        output.note("There is nothing that the doctor would mend.", *_unnamed(report, request))
        raise typer.Exit(0 if report.headline is None else 1)
    for finding in todo:
        output.note(f"{finding.id}: {finding.seen}", *boot_chain.planned(finding))
    output.note("What is replaced is kept, to be taken back with --undo.")
    if not ask.agreed(f"Mend '{name}' so?"):
        raise typer.Abort
    return True


def _unnamed(report: Report, request: RepairRequest) -> list[str]:
    """What could be mended, but only where it is named."""
    return [
        f"Of high risk, so only with --only {one.id}: {one.repair.summary}"
        for one in operation.risky(report)
        if one.repair and one.id not in request.only
    ]


def _repair(
    session: Session,
    context: Context,
    name: str,
    request: RepairRequest,
    secret: Secret,
    *,
    as_json: bool,
) -> None:
    known = secret if request.encrypted else None
    asked = operation.packed(request)
    reached = done(
        session, context, operation.REPAIR, name, asked, silent=as_json, secret=known
    ).outcome()
    _tell(session, name, reached, request, as_json=as_json)


def _tell(
    session: Session,
    name: str,
    reached: Repaired | None,
    request: RepairRequest,
    *,
    as_json: bool,
) -> None:
    """What was reached; None where it was only asked for, which is told already."""
    if reached is None:
        return
    if as_json:
        output.print_json(doctor_shapes.repaired(name, reached))
    else:
        _show(session, name, reached, request)
    if reached.report.headline is not None or reached.failed:
        raise typer.Exit(1)


def _show(session: Session, name: str, reached: Repaired, request: RepairRequest) -> None:
    where = session.address(name)
    for id_ in reached.mended:
        output.say(Text.assemble(("mended", "green"), f"  {id_}"))
    for id_, why in reached.failed:
        output.say(Text.assemble(("FAILED", "bold red"), f"  {id_}: {why}"))
    if not reached.mended and not reached.failed:
        output.say(
            "There was nothing that the doctor would mend.", *_unnamed(reached.report, request)
        )
    if reached.report.headline is None:
        output.say(boot_chain.verdict(reached.report))
        output.note(f"Leave rescue mode: {session.command('rescue', 'exit', where)}")
    else:
        output.say(*boot_chain.drawn(reached.report))
    if reached.mended:
        output.note(f"Take it back: {session.command('repair', where, '--undo')}")


def _show_plan(
    context: Context,
    name: str,
    request: RepairRequest,
    secret: Secret,
    supply: Supply | None,
    *,
    as_json: bool,
) -> None:
    report = look(context, name, request.examine_s, secret.passphrase, silent=as_json)
    todo = operation.chosen(report, request.only)
    ids = [one.id for one in todo]
    plan = operation.preview(context, name, ids, request, secret.passphrase)
    _tell_plan(name, report, plan, request, supply, as_json=as_json)


def _tell_plan(
    name: str,
    report: Report,
    plan: Plan,
    request: RepairRequest,
    supply: Supply | None,
    *,
    as_json: bool,
) -> None:
    todo = operation.chosen(report, request.only)
    if as_json:
        packages = [repair_sources.as_facts(one, supply) for one in plan.packages]
        output.print_json(doctor_shapes.preview(name, todo, plan.difference, packages))
        return
    if todo:
        output.say(output.diff_text(plan.difference))
        output.say(*repair_sources.drawn(plan.packages, supply))
    else:
        output.say("There is nothing that the doctor would mend.", *_unnamed(report, request))
    output.note("Nothing was changed.")


def _undo(
    session: Session,
    context: Context,
    name: str,
    request: RepairRequest,
    secret: Secret,
    *,
    queue: bool,
    as_json: bool,
) -> None:
    wish = UndoRequest(request.examine_s, request.repair_s, request.encrypted)
    asked = operation.packed(wish)
    if queue:
        queued(session, context, operation.UNDO, name, asked, as_json=as_json)
        return
    known = secret if request.encrypted else None
    undone = done(session, context, operation.UNDO, name, asked, silent=as_json, secret=known)
    _tell_undone(name, undone.result(), as_json=as_json)


def _tell_undone(name: str, result: JsonObject | None, *, as_json: bool) -> None:
    """What was taken back; None where it was only asked for, which is told already."""
    if result is None:
        return
    run = result["run"]
    if as_json:
        output.print_json({"instance": name, "action": "undo", "run": run})
        return
    output.say(f"The repair {run} of '{name}' is taken back.")
