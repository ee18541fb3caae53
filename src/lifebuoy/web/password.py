"""The dialog that sets another password of the rescue system that runs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from lifebuoy.accounts.model import Permission
from lifebuoy.api.actions import caller
from lifebuoy.api.authorisation import Who, needs
from lifebuoy.api.reaching import Instance
from lifebuoy.api.state import Server
from lifebuoy.errors import BadInput
from lifebuoy.operations.password import require_rescue
from lifebuoy.store.records import Record
from lifebuoy.web.acting import RULE, acted, dialog

router = APIRouter(include_in_schema=False)

_PATH = "/instances/{host}/{uuid}/password"
_ACTS = needs(Permission.ACT)


@router.get(_PATH, **_ACTS)
def ask_password(request: Request, who: Who, instance: Instance) -> Response:
    """The dialog."""
    require_rescue(instance.context.host.domain(instance.uuid))
    return dialog(request, who, instance, "rescue_password.html", rule=RULE)


@router.post(_PATH, **_ACTS)
def set_password(
    request: Request,
    server: Server,
    who: Who,
    instance: Instance,
    password: Annotated[str, Form(max_length=200)],
    again: Annotated[str, Form(max_length=200)],
) -> Response:
    """Set it."""

    def act() -> Record:
        if password != again:
            raise BadInput("the two passwords are not the same")
        return server.desk.set_password(instance.context, instance.uuid, password, caller(who))

    return acted(request, who, instance, "rescue_password.html", act, lambda: {"rule": RULE})
