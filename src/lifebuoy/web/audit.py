"""The audit log as a page."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

from lifebuoy.accounts.model import Permission
from lifebuoy.api.audit import seen_by
from lifebuoy.api.authorisation import Who, needs
from lifebuoy.api.state import Server
from lifebuoy.operations import audit_log
from lifebuoy.store import audit
from lifebuoy.store.tables import Happening
from lifebuoy.web.render import page
from lifebuoy.web.tables import PAGE

router = APIRouter(include_in_schema=False)


@router.get("/audit", **needs(Permission.READ))
def list_audit(
    request: Request,
    server: Server,
    who: Who,
    instance: Annotated[str, Query(max_length=200)] = "",
    by: Annotated[str, Query(max_length=200)] = "",
    event: Happening | Literal[""] = "",
    operation: Annotated[str, Query(pattern=r"^([0-9a-f]{12})?$")] = "",
    since: Annotated[str, Query(max_length=40)] = "",
    until: Annotated[str, Query(max_length=40)] = "",
    cursor: Annotated[str, Query(max_length=2000)] = "",
    part: bool = False,
) -> Response:
    """Who did what, the newest first."""
    query = audit.Query(
        since=audit_log.time_of(since),
        until=audit_log.time_of(until),
        instance=instance.strip(),
        who=by.strip(),
        event=Happening(event) if event else None,
        operation=operation,
        instances=seen_by(server, who),
        limit=PAGE,
    )
    found = audit_log.page(server.database, query, cursor)
    return page(
        request,
        "audit.html",
        who,
        entries=found.entries,
        next=found.next,
        query=query,
        since=since,
        until=until,
        part=part,
    )
