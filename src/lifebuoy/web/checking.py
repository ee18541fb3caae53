"""The self-check of an instance: what keeps it from booting, and mending it, by clicks.

In rescue mode the doctor looks at the disks; outside it, what the instance said while it failed.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Query, Request, Response

from lifebuoy.accounts.model import Identity, Permission
from lifebuoy.api.actions import caller
from lifebuoy.api.authorisation import Who, needs
from lifebuoy.api.doctor import name_of, repair_request, secret
from lifebuoy.api.doctor_models import FINDING_ID
from lifebuoy.api.problems import status_of
from lifebuoy.api.reaching import Instance, Reached
from lifebuoy.api.state import Server, Serving
from lifebuoy.doctor import chain
from lifebuoy.doctor.report import Finding, Risk
from lifebuoy.errors import ConsentNeeded, LifebuoyError
from lifebuoy.model import Action, InstanceState
from lifebuoy.operations import checkups, diagnosis, history, repair
from lifebuoy.operations.daemon import daemon_of
from lifebuoy.operations.diagnosis import Diagnosis
from lifebuoy.operations.history import Account
from lifebuoy.operations.repair import RepairRequest, UndoRequest
from lifebuoy.operations.status import require_allowed, state_of
from lifebuoy.web import check_words
from lifebuoy.web.chain import Drawing, drawing
from lifebuoy.web.render import go, page

router = APIRouter(include_in_schema=False)
_PATH: Final = "/instances/{host}/{uuid}/self-check"
_READS: Final = needs(Permission.READ)
_ACTS: Final = needs(Permission.ACT)
_OPERATIONS: Final = 20
_OUTSIDE: Final = frozenset({InstanceState.STOPPED, InstanceState.RUNNING})
#: More is not shown in a page, where it would be too much to read; the report as JSON has it all.
MOST_FINDINGS: Final = 100
MOST_LINES: Final = 2000

Passphrase = Annotated[str, Form(max_length=1024)]
Checked = Annotated[bool, Form()]
_Id = Annotated[str, Query(pattern=FINDING_ID)]
Named = Annotated[tuple[_Id, ...], Query(max_length=100)]
Chosen = Annotated[tuple[_Id, ...], Form(max_length=100)]


@dataclass(frozen=True, slots=True)
class Seen:
    """What could be read outside rescue mode, or why nothing could."""

    diagnosis: Diagnosis | None
    drawing: Drawing | None
    error: LifebuoyError | None


@router.get(_PATH, **_READS)
def show(
    request: Request,
    server: Server,
    who: Who,
    instance: Instance,
    operation: Annotated[str, Query(pattern=r"^([0-9a-f]{12})?$")] = "",
    part: bool = False,
) -> Response:
    """What is known; with ``part`` the report alone, for a script that waits for it."""
    state = state_of(instance.context.host, instance.uuid)
    account = _current(server, instance, operation)
    return page(
        request,
        "check_report.html" if part else "check.html",
        who,
        **_report(server, instance),
        state=state,
        may_check=state is InstanceState.RESCUE_MODE and Permission.ACT in who.may,
        may_act=Permission.ACT in who.may,
        account=account,
        working=account is not None and not account.record.is_finished,
        seen=_seen(instance) if state in _OUTSIDE and not part else None,
        error=None,
    )


@router.post(_PATH, **_ACTS)
def check(
    request: Request, server: Server, instance: Instance, passphrase: Passphrase = ""
) -> Response:
    """Look at the disks; the page shows how it gets on."""
    server.desk.checkups.begin(instance.context, instance.uuid, passphrase=secret(passphrase))
    return go(request, _base(instance))


@router.get(_PATH + "/repair", **_ACTS)
def ask_repair(
    request: Request, server: Server, who: Who, instance: Instance, only: Named = ()
) -> Response:
    """The dialog before something is mended: these findings, or all that is ill."""
    require_allowed(instance.context.host, instance.uuid, Action.REPAIR)
    return _repair_dialog(request, server, who, instance, only)


@router.post(_PATH + "/repair", **_ACTS)
def mend(
    request: Request,
    server: Server,
    who: Who,
    instance: Instance,
    only: Chosen = (),
    offline: Checked = False,
    consent: Checked = False,
    passphrase: Passphrase = "",
) -> Response:
    """Mend; the page shows each step."""
    try:
        if consent_is_needed(_todo(server, instance, only), only) and not consent:
            raise ConsentNeeded("a repair of high risk is made with your consent only")
        known = secret(passphrase)
        asked = repair_request(only, known, offline=offline)
        made = server.desk.repair(instance.context, instance.uuid, asked, known, caller(who))
    except LifebuoyError as error:
        return _repair_dialog(request, server, who, instance, only, error)
    return go(request, f"{_base(instance)}?operation={made.id}")


@router.post(_PATH + "/preview", **_ACTS)
def preview(
    request: Request,
    server: Server,
    who: Who,
    instance: Instance,
    only: Chosen = (),
    offline: Checked = False,
    passphrase: Passphrase = "",
) -> Response:
    """What mending these would change, as a part of the page; nothing is changed."""
    error, plan = None, None
    try:
        known = secret(passphrase)
        asked = RepairRequest(offline=offline)
        with server.desk.checkups.looking(instance.context, instance.uuid):
            plan = repair.preview(instance.context, instance.uuid, only, asked, known)
    except LifebuoyError as problem:
        error = problem
    return page(
        request,
        "preview.html",
        who,
        status=status_of(error) if error else HTTPStatus.OK,
        **_common(instance),
        error=error,
        plan=plan,
        most=MOST_LINES,
    )


@router.get(_PATH + "/undo", **_ACTS)
def ask_undo(request: Request, who: Who, instance: Instance) -> Response:
    """The dialog before the last repair is taken back."""
    require_allowed(instance.context.host, instance.uuid, Action.REPAIR)
    return page(request, "undo.html", who, **_common(instance), error=None)


@router.post(_PATH + "/undo", **_ACTS)
def undo(
    request: Request, server: Server, who: Who, instance: Instance, passphrase: Passphrase = ""
) -> Response:
    """Take the last repair back; the page shows the step."""
    try:
        known = secret(passphrase)
        asked = UndoRequest(encrypted=bool(known))
        made = server.desk.repair(instance.context, instance.uuid, asked, known, caller(who))
    except LifebuoyError as error:
        status = status_of(error)
        return page(request, "undo.html", who, status=status, **_common(instance), error=error)
    return go(request, f"{_base(instance)}?operation={made.id}")


def _repair_dialog(
    request: Request,
    server: Server,
    who: Identity,
    instance: Reached,
    only: tuple[str, ...],
    error: LifebuoyError | None = None,
) -> Response:
    todo = _todo(server, instance, only)
    return page(
        request,
        "repair.html",
        who,
        status=status_of(error) if error else HTTPStatus.OK,
        **_common(instance),
        todo=todo,
        only=only,
        needs_consent=consent_is_needed(todo, only),
        error=error,
    )


def _todo(server: Serving, instance: Reached, only: tuple[str, ...]) -> list[Finding]:
    """What the latest report has to mend; none where there is no report."""
    found = server.desk.checkups.latest(instance.context, instance.uuid)
    return repair.chosen(found.report, only) if found and found.report else []


def consent_is_needed(todo: list[Finding], only: tuple[str, ...]) -> bool:
    """Whether something of high risk is named, or something of which that is not known."""
    known = {one.id: one.repair.risk for one in todo if one.repair}
    return any(known.get(id_, Risk.HIGH) is Risk.HIGH for id_ in only)


def _report(server: Serving, instance: Reached) -> dict[str, Any]:
    """The latest self-check as the page shows it."""
    context, uuid = instance.context, instance.uuid
    found = server.desk.checkups.latest(context, uuid)
    report = found.report if found else None
    return _common(instance) | {
        "checkup": found,
        "report": report,
        "outdated": found is not None
        and checkups.is_outdated(server.database, context, uuid, found),
        "drawing": drawing(chain.of_report(report)) if report else None,
        "todo": repair.chosen(report, ()) if report else [],
        "most_findings": MOST_FINDINGS,
    }


def _common(instance: Reached) -> dict[str, Any]:
    base = f"/instances/{instance.host}/{instance.uuid}"
    return {
        "name": name_of(instance),
        "host": instance.host,
        "base": base,
        "here_base": f"{base}/self-check",
        "check_words": check_words,
        "chain": chain,
    }


def _seen(instance: Reached) -> Seen:
    """What the instance said while it failed to boot."""
    try:
        found = diagnosis.diagnose(instance.context.host, instance.uuid)
    except LifebuoyError as error:
        return Seen(None, None, error)
    return Seen(found, drawing(chain.of_evidence(found.evidence)), None)


def _current(server: Serving, instance: Reached, operation: str) -> Account | None:
    """What goes on there, or went on where ``operation`` names it."""
    recent = history.latest(
        server.database,
        limit=_OPERATIONS,
        instance=None,
        instances={(daemon_of(instance.context.host), instance.uuid)},
    )
    found = next((one for one in recent if not one.is_finished or one.id == operation), None)
    return history.account(server.database, found.id) if found else None


def _base(instance: Reached) -> str:
    return f"/instances/{instance.host}/{instance.uuid}/self-check"
