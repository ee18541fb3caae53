"""What an instance's screen shows now, as a still picture."""

from __future__ import annotations

from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Header, Query, Response

from lifebuoy.accounts.model import Permission
from lifebuoy.api.authorisation import needs
from lifebuoy.api.reaching import Instance, Reached
from lifebuoy.api.state import Server, Serving
from lifebuoy.console.pictures import Picture
from lifebuoy.errors import HostTrouble
from lifebuoy.hypervisor import Host
from lifebuoy.model import Action
from lifebuoy.operations.daemon import daemon_of
from lifebuoy.operations.status import require_allowed

router = APIRouter(tags=["consoles"])

PNG: Final = "image/png"


class Size(StrEnum):
    """How large a picture is wanted."""

    FULL = "full"
    SMALL = "small"


@router.get(
    "/instances/{host}/{uuid}/screenshot",
    **needs(Permission.READ, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.BAD_GATEWAY),
    response_class=Response,
)
def show_screenshot(
    server: Server,
    instance: Instance,
    size: Annotated[Size, Query(description="small is 320 pixels wide at most.")] = Size.FULL,
    if_none_match: Annotated[str | None, Header(max_length=2000)] = None,
) -> Response:
    """The screen as PNG. One picture serves all who ask within two seconds. With `If-None-Match`
    and the `ETag` of an earlier answer: 304 if it shows the same."""
    found = picture_of(server, instance, small=size is Size.SMALL)
    headers = {"ETag": f'"{found.tag}"', "Cache-Control": "private, no-cache"}
    if if_none_match is not None and headers["ETag"] in {
        one.strip() for one in if_none_match.split(",")
    }:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(found.png, media_type=PNG, headers=headers)


def picture_of(server: Serving, instance: Reached, *, small: bool) -> Picture:
    """The last picture of its screen.

    Raises:
        NotAllowed: it does not run.
        HostTrouble: it has no screen, or none that its host shows.
    """
    host = instance.context.host
    require_allowed(host, instance.uuid, Action.CONSOLE)

    def take() -> bytes:
        def question(host: Host) -> bytes:
            return host.domain(instance.uuid).screenshot()

        (answer,) = server.hosts.ask(question, [host.given_name])
        if answer.value is None:
            raise answer.error or HostTrouble("the host gave no picture of the screen", safe="")
        return answer.value

    return server.pictures.get((daemon_of(host), instance.uuid), take, small=small)
