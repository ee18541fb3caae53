"""The audit log, as far as the caller may see it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from lifebuoy.accounts import registry
from lifebuoy.accounts.model import Identity, Permission
from lifebuoy.api import table_models as models
from lifebuoy.api.authorisation import Who, needs
from lifebuoy.api.reaching import name_of
from lifebuoy.api.state import Server
from lifebuoy.operations import audit_log
from lifebuoy.store import audit
from lifebuoy.store.tables import Happening

router = APIRouter(tags=["audit"])

LIMIT_MAX = 500


@router.get("/audit", **needs(Permission.READ))
def list_audit(
    server: Server,
    who: Who,
    instance: Annotated[str, Query(max_length=200, description="Its name or UUID.")] = "",
    host: Annotated[str, Query(max_length=63)] = "",
    by: Annotated[str, Query(max_length=200, description="Only what this one did.")] = "",
    event: Happening | None = None,
    operation: Annotated[str, Query(pattern=r"^([0-9a-f]{12})?$")] = "",
    since: Annotated[
        str, Query(max_length=40, description="From this time on: ISO 8601, UTC without a zone.")
    ] = "",
    until: Annotated[str, Query(max_length=40, description="Before this time.")] = "",
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = 100,
    cursor: Annotated[
        str, Query(max_length=2000, description="The `next` of the page before.")
    ] = "",
) -> models.Audit:
    """Who did what, when, and how it ended, the newest first; for an owner what concerns the
    instances that he was given."""
    query = audit.Query(
        since=audit_log.time_of(since),
        until=audit_log.time_of(until),
        instance=instance,
        host=name_of(host),
        who=by,
        event=event,
        operation=operation,
        instances=seen_by(server, who),
        limit=limit,
    )
    found = audit_log.page(server.database, query, cursor)
    return models.Audit(
        entries=[models.Entry.model_validate(one, from_attributes=True) for one in found.entries],
        next=found.next,
    )


def seen_by(server: Server, who: Identity) -> frozenset[tuple[str, str]] | None:
    """The instances whose lines somebody sees, as these name them: host and UUID; None: all."""
    if who.instances is None:
        return None
    given = registry.grants_of(server.database, who.account.name)
    return frozenset((one.host, one.instance) for one in given)
