"""Hosts and instances: lists and details."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Query, Response
from pydantic import BaseModel

from lifebuoy.accounts.model import Permission
from lifebuoy.api import models
from lifebuoy.api.authorisation import Who, needs
from lifebuoy.api.problems import TEXT
from lifebuoy.api.reaching import Instance, Reached, name_of
from lifebuoy.api.renewing import refusals, seen
from lifebuoy.api.state import Server
from lifebuoy.model import InstanceState
from lifebuoy.operations import listing, renewing, shapes
from lifebuoy.policy import verdicts

router = APIRouter(tags=["instances"])


@router.get("/hosts", **needs(Permission.READ), response_model=models.Hosts)
def list_hosts(server: Server, who: Who) -> Response:
    """All hosts: whether each answers, and how many instances of it the caller sees."""
    listed = server.overview.listed(who.instances)
    return written(models.Hosts.model_validate({"hosts": shapes.hosts(listed)}))


@router.get("/instances", **needs(Permission.READ), response_model=models.Instances)
def list_instances(
    server: Server,
    who: Who,
    q: Annotated[str, Query(max_length=200, description="A part of the name or UUID.")] = "",
    state: Annotated[list[InstanceState] | None, Query(description="Only in these states.")] = None,
    host: Annotated[
        str | None,
        Query(max_length=63, description="Only on this host; a dash for one without a name."),
    ] = None,
    sort: Annotated[
        str,
        Query(
            pattern=f"^-?({'|'.join(listing.Order)})$",
            description="What the list is sorted by; with a dash before it descending. By "
            "`expires`, what has no expiry date comes last both ways round.",
        ),
    ] = "name",
    limit: Annotated[int, Query(ge=1, le=listing.PAGE_MAX)] = 100,
    cursor: Annotated[
        str, Query(max_length=2000, description="The `next` of the page before.")
    ] = "",
) -> Response:
    """The instances of all hosts that the caller may see, from memory. A host that does not answer
    is told of in `hosts`, and its instances are not in the list."""
    order, descending = listing.order_of(sort)
    query = listing.Query(
        text=q,
        states=frozenset(state or ()),
        host=None if host is None else name_of(host),
        order=order,
        descending=descending,
        limit=limit,
        cursor=cursor,
    )
    page, listed = renewing.page(
        server.database, server.desk.expiry, server.overview, query, who.instances
    )
    shape = {
        "instances": [shapes.summary(name, found) for name, found in page.rows],
        "total": page.total,
        "next": page.next,
        "hosts": shapes.hosts(listed),
    }
    return written(models.Instances.model_validate(shape))


_SHOWS: Final[dict[str, Any]] = needs(Permission.READ, HTTPStatus.NOT_FOUND, HTTPStatus.BAD_GATEWAY)
_TAG: Final = {"ETag": {"description": "Another one once something has changed.", **TEXT}}
_SHOWS["responses"] |= {
    HTTPStatus.OK.value: {"headers": _TAG},
    HTTPStatus.NOT_MODIFIED.value: {"description": "Nothing has changed", "headers": _TAG},
}


@router.get("/instances/{host}/{uuid}", **_SHOWS, response_model=models.Instance)
def show_instance(
    server: Server,
    who: Who,
    instance: Instance,
    if_none_match: Annotated[str | None, Header(max_length=2000)] = None,
) -> Response:
    """All about an instance, and which actions its state allows now. With `If-None-Match` and the
    `ETag` of an earlier answer: 304 if nothing has changed."""
    shape = shape_of(server, who, instance)
    found = written(models.Instance.model_validate(shape, from_attributes=True))
    tag = f'"{hashlib.sha256(found.body).hexdigest()[:32]}"'
    if if_none_match is not None and tag in {one.strip() for one in if_none_match.split(",")}:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"ETag": tag})
    found.headers["ETag"] = tag
    return found


def written(found: BaseModel) -> Response:
    """An answer that is valid already: the framework would look at each part of it once more."""
    return Response(found.model_dump_json(), media_type="application/json")


def shape_of(server: Server, who: Who, instance: Reached) -> dict[str, Any]:
    """The instance as docs/schema/instance.json has it, and what may be done with it; dataclasses
    and enumerations within."""
    found = seen(server, instance)
    summary = found.summary
    return {
        "host": name_of(instance.host),
        **shapes.instance(found),
        "actions": [
            {**asdict(one), "allowed": one.is_allowed}
            for one in verdicts(summary.state, summary.name, refusals(server, who, summary))
        ],
    }
