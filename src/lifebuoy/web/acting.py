"""The dialogs of what changes an instance, and what their forms lead to: operations on record."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import StreamingResponse

from lifebuoy.accounts.model import Identity, Permission
from lifebuoy.api.actions import caller
from lifebuoy.api.authorisation import Who, needs
from lifebuoy.api.operations import EVENT_STREAM, STILL_HERE, event
from lifebuoy.api.problems import status_of
from lifebuoy.api.reaching import Instance, Operation, Reached
from lifebuoy.api.state import Server
from lifebuoy.errors import BadInput, LifebuoyError
from lifebuoy.model import Action, ChangePolicy, InstanceState, StopMode
from lifebuoy.operations import backup_within, history
from lifebuoy.operations.history import Account
from lifebuoy.operations.leave import LeaveRequest
from lifebuoy.operations.plan import EnterRequest
from lifebuoy.operations.power import StopRequest
from lifebuoy.operations.status import details, require_allowed
from lifebuoy.policy import PASSWORD_MAX, PASSWORD_MIN, PASSWORD_SPECIAL
from lifebuoy.store.records import Record
from lifebuoy.web.language import chosen
from lifebuoy.web.render import go, page, text

router = APIRouter(include_in_schema=False)
_PATH = "/instances/{host}/{uuid}"
_ACTS = needs(Permission.ACT)

Checked = Annotated[bool, Form()]
#: Of rescue passwords, for the pages that take one.
RULE: Final = {"min": PASSWORD_MIN, "max": PASSWORD_MAX, "special": PASSWORD_SPECIAL}


@router.post(_PATH + "/start", **_ACTS)
def start(request: Request, server: Server, who: Who, instance: Instance) -> Response:
    """Start it."""
    made = server.desk.start(instance.context, instance.uuid, caller(who))
    return see(request, instance, made)


@router.post(_PATH + "/reboot", **_ACTS)
def reboot(request: Request, server: Server, who: Who, instance: Instance) -> Response:
    """Ask it to reboot."""
    made = server.desk.reboot(instance.context, instance.uuid, caller(who))
    return see(request, instance, made)


@router.get(_PATH + "/stop", **_ACTS)
def ask_stop(request: Request, who: Who, instance: Instance) -> Response:
    """The dialog before it is shut down."""
    require_allowed(instance.context.host, instance.uuid, Action.STOP)
    return dialog(request, who, instance, "stop.html")


@router.post(_PATH + "/stop", **_ACTS)
def stop(
    request: Request,
    server: Server,
    who: Who,
    instance: Instance,
    consent: Checked = False,
) -> Response:
    """Shut it down; with consent it is cut off if it does not stop in time."""
    asked = StopRequest(instance.uuid, None, consent)

    def act() -> Record:
        return server.desk.stop(instance.context, asked, caller(who))

    return acted(request, who, instance, "stop.html", act)


@router.get(_PATH + "/enter", **_ACTS)
def ask_enter(request: Request, who: Who, instance: Instance) -> Response:
    """The dialog before it enters rescue mode."""
    require_allowed(instance.context.host, instance.uuid, Action.ENTER_RESCUE)
    return dialog(request, who, instance, "enter.html", **_entering(instance))


@router.post(_PATH + "/enter", **_ACTS)
def enter(
    request: Request,
    server: Server,
    who: Who,
    instance: Instance,
    password: Annotated[str, Form(max_length=200)],
    again: Annotated[str, Form(max_length=200)],
    image: Annotated[str, Form(max_length=200)] = "",
    ssh_keys: Annotated[str, Form(max_length=65_536)] = "",
    stop: Annotated[StopMode, Form()] = StopMode.SOFT_FIRST,
    consent: Checked = False,
    discard_saved: Checked = False,
    backup: Checked = False,
) -> Response:
    """Bring it into rescue mode."""

    def act() -> Record:
        if password != again:
            raise BadInput("the two passwords are not the same")
        asked = EnterRequest(
            name=instance.uuid,
            password=password,
            ssh_keys=tuple(line.strip() for line in ssh_keys.splitlines() if line.strip()),
            stop=stop,
            consent=consent,
            image=image or None,
            discard_saved=discard_saved,
            backup=backup,
        )
        return server.desk.enter(instance.context, asked, caller(who))

    def again_with() -> dict[str, Any]:
        return _entering(instance, image, ssh_keys, stop)

    return acted(request, who, instance, "enter.html", act, again_with)


@router.get(_PATH + "/leave", **_ACTS)
def ask_leave(request: Request, who: Who, instance: Instance) -> Response:
    """The dialog before it leaves rescue mode."""
    require_allowed(instance.context.host, instance.uuid, Action.EXIT_RESCUE)
    return dialog(request, who, instance, "leave.html")


@router.post(_PATH + "/leave", **_ACTS)
def leave(
    request: Request,
    server: Server,
    who: Who,
    instance: Instance,
    changes: Annotated[ChangePolicy, Form()] = ChangePolicy.REFUSE,
    force: Checked = False,
) -> Response:
    """Bring it out of rescue mode."""
    asked = LeaveRequest(instance.uuid, force, changes)

    def act() -> Record:
        return server.desk.leave(instance.context, asked, caller(who))

    return acted(request, who, instance, "leave.html", act)


@router.post(_PATH + "/cancel/{id}", **_ACTS)
def cancel(
    request: Request, server: Server, who: Who, instance: Instance, found: Operation
) -> Response:
    """Ask that an operation be rolled back."""
    made = history.cancel(server.database, found.record.id, who.account.name)
    return see(request, instance, made)


@router.get("/operations/{id}/steps", **needs(Permission.READ))
async def watch(request: Request, server: Server, found: Operation) -> Response:
    """The steps of an operation at every change, as parts of a page; ``end`` once it has ended."""

    def steps(account: Account) -> str:
        return event("steps", text(request, "steps.html", account=account))

    async def stream() -> AsyncIterator[str]:
        ended = False
        async for news in server.hub.watch(found.record.id):
            if news is None:
                yield STILL_HERE
            else:
                ended = news.account.record.is_finished
                yield news.text(f"steps in {chosen(request)}", steps)
        if ended:
            yield event("end", "-")

    return StreamingResponse(stream(), media_type=EVENT_STREAM, headers={"X-Accel-Buffering": "no"})


def acted(
    request: Request,
    who: Identity,
    instance: Reached,
    template: str,
    act: Callable[[], Record],
    more: Callable[[], dict[str, Any]] = dict,
) -> Response:
    """Do it and show how it gets on; or the dialog again, with what was wrong."""
    try:
        made = act()
    except LifebuoyError as error:
        shown = dialog(request, who, instance, template, error=error, **more())
        shown.status_code = status_of(error)
        return shown
    return see(request, instance, made)


def see(request: Request, instance: Reached, made: Record) -> Response:
    """Have the browser go to where an operation is shown."""
    return go(request, f"/instances/{instance.host}/{instance.uuid}?operation={made.id}")


def dialog(
    request: Request,
    who: Identity,
    instance: Reached,
    template: str,
    error: LifebuoyError | None = None,
    **known: Any,
) -> Response:
    """A dialog within the page that a script shows, else a page of its own."""
    found = details(instance.context.host, instance.uuid)
    return page(
        request,
        template,
        who,
        found=found,
        host=instance.host,
        running=found.summary.state is InstanceState.RUNNING,
        error=error,
        **known,
    )


def _entering(
    instance: Reached,
    image: str = "",
    ssh_keys: str = "",
    stop: StopMode = StopMode.SOFT_FIRST,
) -> dict[str, Any]:
    """What the dialog says of images, backup point and password, and what was chosen before."""
    context = instance.context
    backup_refusal = ""
    try:
        backup_within.require_possible(context.host, context.host.domain(instance.uuid))
    except LifebuoyError as error:
        backup_refusal = error.message
    return {
        "images": context.catalogue.list(),
        "chosen_image": image,
        "ssh_keys": ssh_keys,
        "stop": stop,
        "backup_refusal": backup_refusal,
        "rule": RULE,
    }
