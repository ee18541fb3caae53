"""The hosts, and whether one is fit for rescue mode."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request, Response

from lifebuoy.accounts.model import Permission
from lifebuoy.api import hosts
from lifebuoy.api.authorisation import Who, needs
from lifebuoy.api.reaching import HostPath
from lifebuoy.api.state import Server
from lifebuoy.operations.listing import Listed
from lifebuoy.operations.status import InstanceSummary
from lifebuoy.web.render import is_for_script, page
from lifebuoy.web.tables import Asked, Order, number, shown

router = APIRouter(include_in_schema=False)

_ORDER: Final[Order[Listed[InstanceSummary]]] = Order(
    columns={
        "host": lambda one: one.name,
        "uri": lambda one: one.uri,
        "state": lambda one: "0" if one.error else "1",
        "instances": lambda one: number(len(one.instances)),
    },
    id=lambda one: one.name,
    text=lambda one: f"{one.host} {one.uri}",
)


@router.get("/hosts", **needs(Permission.READ))
def list_hosts(request: Request, server: Server, who: Who, wanted: Asked) -> Response:
    """All hosts, and whether each answers."""
    listed = server.overview.listed(who.instances)
    table = shown(listed, wanted, _ORDER)
    return page(request, "hosts.html", who, table=table, part=wanted.part)


@router.get("/hosts/{host}", **needs(Permission.READ))
def show_host(request: Request, server: Server, who: Who, host: HostPath) -> Response:
    """What runs on a host."""
    found = hosts.show_host(server, who, host)
    return page(request, "host.html", who, found=found, host=host, items=None)


@router.post("/hosts/{host}/check", **needs(Permission.ADMINISTER))
def check_host(request: Request, server: Server, who: Who, host: HostPath) -> Response:
    """Whether it can do rescue mode; for a script what was found alone."""
    checked = hosts.check_host(server, host)
    if is_for_script(request):
        return page(request, "host_check.html", who, ok=checked.ok, items=checked.items)
    found = hosts.show_host(server, who, host)
    return page(
        request, "host.html", who, found=found, host=host, ok=checked.ok, items=checked.items
    )
