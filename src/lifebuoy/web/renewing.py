"""The dialog that moves an instance's expiry date (续费). In every state."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Form, Request, Response

from lifebuoy.accounts.model import Identity, Permission
from lifebuoy.api.actions import caller
from lifebuoy.api.authorisation import Who, needs
from lifebuoy.api.problems import status_of
from lifebuoy.api.reaching import Instance, Reached
from lifebuoy.api.renewing import require_may_renew, seen
from lifebuoy.api.state import Server, Serving
from lifebuoy.errors import LifebuoyError
from lifebuoy.expiry import RenewRequest, text
from lifebuoy.model import Action
from lifebuoy.operations import renewing
from lifebuoy.web.render import go, page
from lifebuoy.web.words import N_

router = APIRouter(include_in_schema=False)
_PATH: Final = "/instances/{host}/{uuid}/renew"
#: What the dialog proposes where there is no date yet.
_PROPOSED: Final = timedelta(days=30)

#: Why an action is refused that the state allows.
WHY: Final[dict[Action, str]] = {
    Action.START: N_("its time is over: have it renewed first"),
    Action.RENEW: N_("an operator does this"),
}


@router.get(_PATH, **needs(Permission.ACT))
def ask_renew(request: Request, server: Server, who: Who, instance: Instance) -> Response:
    """The dialog."""
    require_may_renew(server, who)
    return _dialog(request, server, who, instance)


@router.post(_PATH, **needs(Permission.ACT))
def renew(
    request: Request,
    server: Server,
    who: Who,
    instance: Instance,
    until: Annotated[str, Form(max_length=40)] = "",
    clear: Annotated[bool, Form()] = False,
) -> Response:
    """Move the date, or take it away."""
    require_may_renew(server, who)
    try:
        asked = RenewRequest(until="" if clear else until, clear=clear)
        server.desk.renew(instance.context, instance.uuid, asked, caller(who))
    except LifebuoyError as error:
        shown = _dialog(request, server, who, instance, error)
        shown.status_code = status_of(error)
        return shown
    return go(request, f"/instances/{instance.host}/{instance.uuid}")


def _dialog(
    request: Request,
    server: Serving,
    who: Identity,
    instance: Reached,
    error: LifebuoyError | None = None,
) -> Response:
    found, now = seen(server, instance), renewing.now()
    return page(
        request,
        "renew.html",
        who,
        found=found,
        host=instance.host,
        today=text(now)[:10],
        until=(found.summary.expires or text(now + _PROPOSED))[:10],
        error=error,
    )
