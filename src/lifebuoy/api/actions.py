"""What changes an instance. Each is an operation on record: the answer is where to see it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Response

from lifebuoy.accounts.model import Permission
from lifebuoy.api import models
from lifebuoy.api.authorisation import Who, needs
from lifebuoy.api.operations import tell
from lifebuoy.api.problems import TEXT
from lifebuoy.api.reaching import Instance, Reached
from lifebuoy.api.state import API, Server
from lifebuoy.operations import history
from lifebuoy.operations.desk import Caller
from lifebuoy.operations.leave import LeaveRequest
from lifebuoy.operations.plan import EnterRequest
from lifebuoy.operations.power import StopRequest
from lifebuoy.store.records import Record

router = APIRouter(prefix="/instances/{host}/{uuid}", tags=["actions"])

Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        max_length=200,
        description="Made up by the caller for this request: the same again within a day, such as "
        "after a lost connection, is answered with the same operation.",
    ),
]
#: For what answers with an operation.
ACTS: Final[dict[str, Any]] = {
    "status_code": HTTPStatus.ACCEPTED,
    **needs(Permission.ACT, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.BAD_GATEWAY),
}
ACTS["responses"][HTTPStatus.ACCEPTED.value] = {
    "headers": {"Location": {"description": "The address of the operation.", **TEXT}}
}


@router.post("/start", **ACTS)
def start(
    server: Server,
    who: Who,
    instance: Instance,
    response: Response,
    body: models.Start | None = None,
    key: Key = "",
) -> models.Operation:
    """Start a stopped instance, and watch its boot if that is asked for."""
    asked = body or models.Start()
    made = server.desk.start(
        instance.context, instance.uuid, caller(who, key), watch_s=asked.watch_s
    )
    return accepted(server, response, made)


@router.post("/stop", **ACTS)
def stop(
    server: Server,
    who: Who,
    instance: Instance,
    response: Response,
    body: models.Stop,
    key: Key = "",
) -> models.Operation:
    """Shut a running instance down; it is cut off only with consent."""
    asked = StopRequest(instance.uuid, body.mode, body.consent, body.timeout_s)
    made = server.desk.stop(instance.context, asked, caller(who, key))
    return accepted(server, response, made)


@router.post("/reboot", **ACTS)
def reboot(
    server: Server, who: Who, instance: Instance, response: Response, key: Key = ""
) -> models.Operation:
    """Ask a running instance to reboot; it is not waited for."""
    made = server.desk.reboot(instance.context, instance.uuid, caller(who, key))
    return accepted(server, response, made)


@router.post("/rescue/enter", **ACTS)
def enter_rescue(
    server: Server,
    who: Who,
    instance: Instance,
    response: Response,
    body: models.EnterRescue,
    key: Key = "",
) -> models.Operation:
    """Bring an instance into rescue mode. What can refuse it refuses before anything is touched.

    The password stays in the server's memory: neither the record nor the log has it.
    """
    made = server.desk.enter(instance.context, enter_request(instance, body), caller(who, key))
    return accepted(server, response, made)


@router.post("/rescue/exit", **ACTS)
def exit_rescue(
    server: Server,
    who: Who,
    instance: Instance,
    response: Response,
    body: models.ExitRescue,
    key: Key = "",
) -> models.Operation:
    """Bring an instance out of rescue mode, to what it was before."""
    asked = LeaveRequest(instance.uuid, body.force, body.changes, body.keep_nvram, body.watch_s)
    made = server.desk.leave(instance.context, asked, caller(who, key))
    return accepted(server, response, made)


@router.post("/rescue/password", **ACTS)
def set_rescue_password(
    server: Server,
    who: Who,
    instance: Instance,
    response: Response,
    body: models.RescuePassword,
    key: Key = "",
) -> models.Operation:
    """Set a new password for root of the rescue system that runs: one that was reset has lost its.

    It stays in the server's memory: neither the record nor the log has it.
    """
    password = body.password.get_secret_value()
    made = server.desk.set_password(instance.context, instance.uuid, password, caller(who, key))
    return accepted(server, response, made)


def enter_request(instance: Reached, body: models.EnterRescue) -> EnterRequest:
    """What the operation is asked for."""
    return entering(instance, body, body.password.get_secret_value())


def entering(instance: Reached, body: models.HowToEnter, password: str) -> EnterRequest:
    """The same with a password that is not in the body."""
    return EnterRequest(
        name=instance.uuid,
        password=password,
        ssh_keys=tuple(body.ssh_keys),
        stop=body.stop,
        consent=body.consent,
        image=body.image,
        wait=body.wait,
        stop_timeout_s=body.stop_timeout_s,
        timeout_s=body.timeout_s,
        discard_saved=body.discard_saved,
        backup=body.backup,
    )


def caller(who: Who, key: str = "") -> Caller:
    """Who asks, for the record."""
    return Caller(who.account.id, who.account.name, key)


def accepted(server: Server, response: Response, made: Record) -> models.Operation:
    """The answer to what became an operation: it, and where to see how it gets on."""
    response.headers["Location"] = f"{API}/operations/{made.id}"
    return tell(history.account(server.database, made.id))
