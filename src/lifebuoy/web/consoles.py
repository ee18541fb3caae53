"""The pages of an instance's consoles, its screen and serial port; small pictures of screens."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from lifebuoy.accounts.model import Permission
from lifebuoy.api.authorisation import Who, needs
from lifebuoy.api.passing import policy
from lifebuoy.api.reaching import Instance, Reached
from lifebuoy.api.screenshot import PNG, picture_of
from lifebuoy.api.state import API, Server
from lifebuoy.console import viewer
from lifebuoy.console.channel import screen_of
from lifebuoy.console.ending import Ending
from lifebuoy.console.viewer import Reach, Way
from lifebuoy.errors import LifebuoyError, NotFound
from lifebuoy.hypervisor import Graphics
from lifebuoy.model import Action
from lifebuoy.operations.status import details, require_allowed
from lifebuoy.web.language import chosen
from lifebuoy.web.language import words as words_of
from lifebuoy.web.render import page, text
from lifebuoy.web.words import N_

router = APIRouter(include_in_schema=False)
_PATH: Final = "/instances/{host}/{uuid}"
_ACTS: Final = needs(Permission.ACT)
#: noVNC shows pointers and parts of the screen as images that came through the WebSocket.
_SCREEN_POLICY: Final = policy("data:")

#: What the pages say of a connection: our own states of it, and why it has ended.
STATES: Final = {
    "connecting": N_("Connecting …"),
    "connected": N_("Connected."),
    "retrying": N_("The connection was lost; it is tried again."),
    Ending.LOST.value: N_("The connection was lost."),
    Ending.STOPPED.value: N_("The instance has stopped, or is in a state without a console."),
    Ending.TAKEN.value: N_("Somebody else has the serial console open."),
    Ending.SIGNED_OUT.value: N_("You may not use this console any more."),
    Ending.TOO_MANY.value: N_("Too many consoles are open."),
    Ending.REFUSED.value: N_("There is no console:"),
    Ending.MISUSED.value: N_("The console was closed, as what came was not understood."),
    "missing": N_("This keyboard layout has no keys for:"),
}
LAYOUTS: Final = {
    "us": N_("English (US)"),
    "gb": N_("English (UK)"),
    "de": N_("German"),
    "fr": N_("French"),
}


@router.get(_PATH + "/console", **_ACTS)
def show_screen(request: Request, who: Who, instance: Instance) -> Response:
    """The page of its screen."""
    domain = require_allowed(instance.context.host, instance.uuid, Action.CONSOLE)
    _, screen = screen_of(domain)
    shown = _page(
        request, who, instance, "screen.html", way=_way_to(instance, screen), layouts=LAYOUTS
    )
    shown.headers["Content-Security-Policy"] = _SCREEN_POLICY
    return shown


@router.get(_PATH + "/serial", **_ACTS)
def show_serial(request: Request, who: Who, instance: Instance) -> Response:
    """The page of its serial port."""
    require_allowed(instance.context.host, instance.uuid, Action.CONSOLE)
    return _page(request, who, instance, "serial.html")


@router.get(_PATH + "/console.vv", **_ACTS)
def viewer_file(instance: Instance) -> Response:
    """A file for virt-viewer.

    Raises:
        NotFound: a viewer could not get there.
    """
    domain = require_allowed(instance.context.host, instance.uuid, Action.CONSOLE)
    _, screen = screen_of(domain)
    found = _way_to(instance, screen)
    if found.reach is Reach.NOWHERE:
        raise NotFound("this screen has no port that a viewer could go to", hint="")
    name = quote(f"{domain.name}.vv")
    return Response(
        viewer.file(found, screen.type, domain.name),
        media_type="application/x-virt-viewer",
        headers={"Content-Disposition": f"attachment; filename*=UTF-8''{name}"},
    )


@router.get(_PATH + "/screen", **needs(Permission.READ))
def small_picture(request: Request, server: Server, instance: Instance) -> Response:
    """A small picture of its screen; where there is none, one that says so."""
    try:
        return Response(
            picture_of(server, instance, small=True).png,
            media_type=PNG,
            headers={"Cache-Control": "no-store"},
        )
    except LifebuoyError:
        return Response(text(request, "no-picture.html"), media_type="image/svg+xml")


def _way_to(instance: Reached, screen: Graphics) -> Way:
    host = instance.context.host
    return viewer.way(screen, host.ssh_hop.host if host.ssh_hop else host.hostname)


def _page(request: Request, who: Who, instance: Reached, template: str, **known: Any) -> Response:
    found = details(instance.context.host, instance.uuid)
    tr = words_of(chosen(request)).gettext
    return page(
        request,
        template,
        who,
        status=HTTPStatus.OK,
        found=found,
        host=instance.host,
        tickets=f"{API}/instances/{instance.host}/{instance.uuid}/console/tickets",
        said={name: tr(words) for name, words in STATES.items()},
        **known,
    )
