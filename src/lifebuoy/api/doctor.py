"""Why an instance does not boot, and what mends it: diagnosis, self-check, repairs."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter, Response
from pydantic import SecretStr

from lifebuoy.accounts.model import Permission
from lifebuoy.api import doctor_models as models
from lifebuoy.api.actions import ACTS, Key, accepted, caller
from lifebuoy.api.authorisation import Who, needs
from lifebuoy.api.models import Operation
from lifebuoy.api.reaching import Instance, Reached
from lifebuoy.api.state import API, Server
from lifebuoy.doctor.calling import EXAMINE_S
from lifebuoy.errors import BadInput
from lifebuoy.operations import checkups, doctor_shapes, repair
from lifebuoy.operations.diagnosis import diagnose as look
from lifebuoy.operations.diagnosis import require_outside
from lifebuoy.operations.repair import RepairRequest, UndoRequest

router = APIRouter(prefix="/instances/{host}/{uuid}", tags=["doctor"])

_MAY_BE: Final = (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.BAD_GATEWAY)
_READS: Final = needs(Permission.READ, *_MAY_BE)


@router.get("/diagnose", **_READS)
def diagnose(instance: Instance) -> models.Diagnosis:
    """Why it did not boot, by what it wrote to its serial port and what its screen shows now.

    Outside rescue mode. Nothing is changed or stopped, and no key is sent.
    """
    host = instance.context.host
    require_outside(host, instance.uuid)
    shape = doctor_shapes.diagnosis(name_of(instance), look(host, instance.uuid))
    return models.Diagnosis.model_validate(shape)


@router.get("/doctor", **_READS)
def show_self_check(server: Server, instance: Instance) -> models.SelfCheck:
    """The latest self-check of this stay in rescue mode, and whether one is under way."""
    return _told(server, instance)


@router.post("/doctor", status_code=HTTPStatus.ACCEPTED, **needs(Permission.ACT, *_MAY_BE))
def begin_self_check(
    server: Server, instance: Instance, response: Response, body: models.Check
) -> models.SelfCheck:
    """Look at the disks of an instance in rescue mode; nothing of them is changed. It takes from
    seconds to a minute: `Location` tells how it gets on, and what was found. One that is under way
    is not begun again."""
    server.desk.checkups.begin(
        instance.context, instance.uuid, body.timeout_s, _secret(body.passphrase)
    )
    response.headers["Location"] = f"{API}/instances/{instance.host}/{instance.uuid}/doctor"
    return _told(server, instance)


@router.post("/repair", **ACTS)
def begin_repair(
    server: Server,
    who: Who,
    instance: Instance,
    response: Response,
    body: models.Repair,
    key: Key = "",
) -> Operation:
    """Mend what keeps the system on the disks from booting, and look again. What is replaced is
    kept on the disk itself. Cancelled, it ends after the repair under way, and takes back what
    was mended before."""
    known = _secret(body.passphrase)
    asked = repair_request(body.only, known, offline=body.offline, timeout_s=body.timeout_s)
    made = server.desk.repair(instance.context, instance.uuid, asked, known, caller(who, key))
    return accepted(server, response, made)


@router.post("/repair/preview", **needs(Permission.ACT, *_MAY_BE))
def preview_repair(server: Server, instance: Instance, body: models.Repair) -> models.Preview:
    """What that would change, as a diff, and where each package would come from; nothing is
    changed or downloaded."""
    known = _secret(body.passphrase)
    asked = repair_request(body.only, known, offline=body.offline, timeout_s=body.timeout_s)
    context, uuid = instance.context, instance.uuid
    with server.desk.checkups.looking(context, uuid):
        report = repair.examine(context, uuid, asked.examine_s, known)
        todo = repair.chosen(report, asked.only)
        plan = repair.preview(context, uuid, [one.id for one in todo], asked, known)
    packages = [one.model_dump() for one in plan.packages]
    shape = doctor_shapes.preview(name_of(instance), todo, plan.difference, packages)
    return models.Preview.model_validate(shape)


@router.post("/repair/undo", **ACTS)
def begin_undo(
    server: Server,
    who: Who,
    instance: Instance,
    response: Response,
    body: models.Undo,
    key: Key = "",
) -> Operation:
    """Take the last repair back: every replaced byte."""
    known = _secret(body.passphrase)
    asked = UndoRequest(body.timeout_s, 2 * body.timeout_s, bool(known))
    made = server.desk.repair(instance.context, instance.uuid, asked, known, caller(who, key))
    return accepted(server, response, made)


def repair_request(
    only: Iterable[str], passphrase: bytes, *, offline: bool, timeout_s: float = EXAMINE_S
) -> RepairRequest:
    """What the operation is asked for."""
    named = tuple(dict.fromkeys(only))
    return RepairRequest(
        named, timeout_s, 2 * timeout_s, offline=offline, encrypted=bool(passphrase)
    )


def secret(given: str) -> bytes:
    """The passphrase as the doctor gets it; empty where there is none.

    Raises:
        BadInput: it has more than one line.
    """
    if "\n" in given or "\0" in given:
        raise BadInput("a passphrase is one line")
    return given.encode("utf-8", "surrogatepass")


def _secret(given: SecretStr | None) -> bytes:
    return secret(given.get_secret_value() if given else "")


def name_of(instance: Reached) -> str:
    """What the instance is called."""
    return instance.context.host.domain(instance.uuid).name


def _told(server: Server, instance: Reached) -> models.SelfCheck:
    context, uuid = instance.context, instance.uuid
    found = server.desk.checkups.latest(context, uuid)
    report = found.report if found else None
    error = found.error if found else None
    outdated = found is not None and checkups.is_outdated(server.database, context, uuid, found)
    shape = {
        "instance": name_of(instance),
        "report": report.as_json() if report else None,
        "made": found.made if found else "",
        "outdated": outdated,
        "under_way": bool(found and found.began),
        "began": found.began if found else "",
        "error": {"code": error.code, "message": error.message} if error else None,
    }
    return models.SelfCheck.model_validate(shape)
