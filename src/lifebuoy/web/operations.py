"""Operations: all that one may see, and each with its steps."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

from lifebuoy.accounts.model import Permission
from lifebuoy.api.authorisation import Who, needs
from lifebuoy.api.reaching import Operation, path_of
from lifebuoy.api.state import Server
from lifebuoy.operations import history
from lifebuoy.store import Outcome
from lifebuoy.store.records import Record
from lifebuoy.web.render import page
from lifebuoy.web.tables import PAGE

router = APIRouter(include_in_schema=False)

_READS = needs(Permission.READ)


@router.get("/operations", **_READS)
def list_operations(
    request: Request,
    server: Server,
    who: Who,
    instance: Annotated[str, Query(max_length=200)] = "",
    kind: Annotated[str, Query(max_length=64)] = "",
    outcome: Outcome | Literal["none", ""] = "",
    cursor: Annotated[str, Query(max_length=2000)] = "",
    part: bool = False,
) -> Response:
    """The newest operations on the instances that one may see."""
    query = history.Query(
        instance=instance.strip(),
        instances=who.instances,
        kind=kind,
        outcomes={None if outcome == "none" else Outcome(outcome)} if outcome else None,
        limit=PAGE,
        cursor=cursor,
    )
    found = history.page(server.database, query)
    return page(
        request,
        "operations.html",
        who,
        records=found.records,
        next=found.next,
        instance=instance,
        kind=kind,
        outcome=outcome,
        part=part,
    )


@router.get("/operations/{id}", **_READS)
def show_operation(request: Request, server: Server, who: Who, found: Operation) -> Response:
    """An operation with its steps, as they are done."""
    return page(
        request,
        "operation.html",
        who,
        account=found,
        where=_where(server, found.record),
        may_act=Permission.ACT in who.may,
    )


def _where(server: Server, record: Record) -> str:
    """The page of its instance; empty where its host is configured no more."""
    for place in server.hosts.places:
        if record.host in {place.name, place.uri}:
            return f"/instances/{path_of(place.name)}/{record.instance}"
    return ""
