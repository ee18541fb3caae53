"""Consoles: a ticket by an ordinary call, then a WebSocket that shows it and carries the bytes.

A WebSocket cannot be refused in words that a browser's page gets to see, and which page opens it is
for the server to ask. So all that can be refused is refused where the ticket is given; and it comes
as a subprotocol, which neither a log nor a page's address has.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from fastapi import APIRouter, Request, WebSocket

from lifebuoy.accounts.model import Permission
from lifebuoy.api import models, problems, relay
from lifebuoy.api.authorisation import Who, identified_socket, needs, proof_of
from lifebuoy.api.reaching import Instance
from lifebuoy.api.state import API, Server
from lifebuoy.console.kind import ConsoleKind
from lifebuoy.console.tickets import LIFE_S, TicketRefused
from lifebuoy.errors import LifebuoyError
from lifebuoy.operations import consoles

router = APIRouter(tags=["consoles"])
#: WebSockets, which the OpenAPI document cannot tell of; they are not calls but follow one.
sockets = APIRouter()

PROTOCOL: Final = "lifebuoy.console"
_TICKET: Final = "lifebuoy.ticket."


@router.post(
    "/instances/{host}/{uuid}/console/tickets",
    status_code=HTTPStatus.CREATED,
    **needs(Permission.ACT, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.BAD_GATEWAY),
)
def give_ticket(
    request: Request, server: Server, who: Who, instance: Instance, body: models.ConsoleWanted
) -> models.ConsoleTicket:
    """A ticket for a console of an instance that runs or is in rescue mode. It is good for some
    seconds, once, and for the same session or API key: open a WebSocket at `path`, with the same
    cookie or `Authorization`, and offer `protocols`. VNC begins as a server without a password
    does; the serial console begins with an empty message, once it is open, and carries the bytes of
    a terminal. Why it ends is the close reason."""
    admission = consoles.admit(
        instance.context.host,
        instance.uuid,
        body.kind,
        who.account.name,
        proof_of(request).hash,
        force=body.force,
    )
    ticket = server.tickets.give(admission)
    return models.ConsoleTicket(
        ticket=ticket,
        expires_s=LIFE_S,
        path=f"{API}/console/{body.kind}",
        protocols=[PROTOCOL, _TICKET + ticket],
    )


@sockets.websocket("/console/{kind}")
async def open_console(socket: WebSocket, server: Server, kind: ConsoleKind) -> None:
    """Open the console that the ticket is for."""
    try:
        identity, proof = await identified_socket(socket, server)
        admission = server.tickets.take(_ticket_of(socket), kind, proof.hash)
    except LifebuoyError as error:
        await socket.send_denial_response(problems.answer(socket, error))
        return
    if identity.account.name != admission.account:
        refusal = TicketRefused("the ticket is not good for this console", safe="")
        await socket.send_denial_response(problems.answer(socket, refusal))
        return
    await socket.accept(PROTOCOL)
    await relay.run(socket, server, admission, proof)


def _ticket_of(socket: WebSocket) -> str:
    offered: list[str] = socket.scope["subprotocols"]
    shown = [one.removeprefix(_TICKET) for one in offered if one.startswith(_TICKET)]
    if PROTOCOL not in offered or len(shown) != 1:
        raise TicketRefused(
            "no ticket was shown",
            hint=f"offer the subprotocols {PROTOCOL} and {_TICKET}...",
            safe="",
        )
    return shown[0]
