"""The list of instances and the details of one."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

from lifebuoy.accounts.model import Permission
from lifebuoy.api.authorisation import Who, needs
from lifebuoy.api.reaching import Instance, name_of
from lifebuoy.api.renewing import refusals, seen
from lifebuoy.api.state import Server
from lifebuoy.model import Action, InstanceState
from lifebuoy.operations import history, listing, renewing
from lifebuoy.operations.daemon import daemon_of
from lifebuoy.operations.status import addresses_of, state_of
from lifebuoy.policy import verdicts
from lifebuoy.rescue.access import BY_HAND, ssh_words
from lifebuoy.web.render import go, page
from lifebuoy.web.renewing import WHY

router = APIRouter(include_in_schema=False)

_OPERATIONS = 8
#: What the page has a button for, in this order.
OFFERED = (
    Action.START,
    Action.STOP,
    Action.REBOOT,
    Action.BACKUP_CREATE,
    Action.ENTER_RESCUE,
    Action.EXIT_RESCUE,
    Action.RENEW,
)


@router.get("/", **needs(None))
def root(request: Request) -> Response:
    """The first page."""
    return go(request, "/instances")


@router.get("/instances", **needs(Permission.READ))
def list_instances(
    request: Request,
    server: Server,
    who: Who,
    q: Annotated[str, Query(max_length=200)] = "",
    state: Annotated[InstanceState | Literal[""], Query()] = "",
    sort: Annotated[str, Query(max_length=20)] = "name",
    cursor: Annotated[str, Query(max_length=2000)] = "",
    part: bool = False,
) -> Response:
    """The list; with ``part`` the table alone, for a script that renews it."""
    order, descending = listing.order_of(sort)
    states = frozenset({state} if state else ())
    query = listing.Query(q, states, None, order, descending, cursor=cursor)
    found, listed = renewing.page(
        server.database, server.desk.expiry, server.overview, query, who.instances
    )
    return page(
        request,
        "table.html" if part else "instances.html",
        who,
        page=found,
        silent=[one for one in listed if one.error],
        hosts=len(listed),
        query=query,
        state=state,
        sort=sort,
    )


@router.get("/instances/{host}/{uuid}", **needs(Permission.READ))
def show_instance(
    request: Request,
    server: Server,
    who: Who,
    instance: Instance,
    operation: Annotated[str, Query(pattern=r"^([0-9a-f]{12})?$")] = "",
) -> Response:
    """All about one; with what goes on there, or went on last where ``operation`` names it."""
    found = seen(server, instance)
    refused = refusals(server, who, found.summary)
    daemon = daemon_of(instance.context.host)
    recent = history.latest(
        server.database,
        limit=_OPERATIONS,
        instance=None,
        instances={(daemon, instance.uuid)},
    )
    current = next((one for one in recent if not one.is_finished or one.id == operation), None)
    said = verdicts(found.summary.state, found.summary.name, refused)
    allowed = {one.action: one for one in said}
    return page(
        request,
        "instance.html",
        who,
        found=found,
        host=instance.host,
        host_name=name_of(instance.host),
        verdicts=[allowed[action] for action in OFFERED],
        recent=recent,
        account=history.account(server.database, current.id) if current else None,
        ssh=" ".join(ssh_words(found.rescue.access)) if found.rescue else "",
        by_hand=BY_HAND,
        may_act=Permission.ACT in who.may,
        otherwise={action: WHY[action] for action in refused},
    )


@router.get("/instances/{host}/{uuid}/state", **needs(Permission.READ))
def show_state(request: Request, who: Who, instance: Instance) -> Response:
    """Its state alone, for a script that renews it while something is going on."""
    state = state_of(instance.context.host, instance.uuid)
    base = f"/instances/{instance.host}/{instance.uuid}"
    return page(request, "chip.html", who, state=state, base=base, working=True)


@router.get("/instances/{host}/{uuid}/address", **needs(Permission.READ))
def show_address(request: Request, who: Who, instance: Instance) -> Response:
    """Where it is reached, for a list, which asks for what is to be seen of it: the host is asked,
    which may ask the instance's own agent."""
    addresses = addresses_of(instance.domain)
    return page(request, "address.html", who, addresses=addresses)
