"""Operations: what is going on and what was done; watched as it happens, cancelled."""

from __future__ import annotations

from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from lifebuoy.accounts.model import Permission
from lifebuoy.api import models
from lifebuoy.api.authorisation import Who, needs
from lifebuoy.api.reaching import Operation
from lifebuoy.api.state import Server
from lifebuoy.operations import history, shapes
from lifebuoy.operations.history import Account
from lifebuoy.store import Outcome

router = APIRouter(prefix="/operations", tags=["operations"])

EVENT_STREAM: Final = "text/event-stream"
#: In the OpenAPI document: one event of a stream.
EVENT: Final = {
    "type": "object",
    "properties": {"event": {"type": "string"}, "data": {"type": "string"}},
    "required": ["event", "data"],
}
#: A comment: for proxies, and to notice that nobody listens any more.
STILL_HERE: Final = ": still here\n\n"


@router.get("", **needs(Permission.READ))
def list_operations(
    server: Server,
    who: Who,
    instance: Annotated[
        str, Query(max_length=200, description="Only of this instance: name or UUID.")
    ] = "",
    kind: Annotated[str, Query(max_length=64, description="Only of this kind.")] = "",
    outcome: Annotated[
        list[Outcome | Literal["none"]] | None,
        Query(description="Only those that ended so; `none`: that have not ended."),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 30,
    cursor: Annotated[
        str, Query(max_length=2000, description="The `next` of the page before.")
    ] = "",
) -> models.Operations:
    """The newest operations on the instances that the caller may see."""
    query = history.Query(
        instance=instance,
        instances=who.instances,
        kind=kind,
        outcomes=None if outcome is None else {None if one == "none" else one for one in outcome},
        limit=limit,
        cursor=cursor,
    )
    found = history.page(server.database, query)
    shape = {
        "operations": [shapes.operation(record) for record in found.records],
        "next": found.next,
    }
    return models.Operations.model_validate(shape)


@router.get("/{id}", **needs(Permission.READ, HTTPStatus.NOT_FOUND))
def show_operation(found: Operation) -> models.Operation:
    """An operation with its steps."""
    return tell(found)


@router.post("/{id}/cancel", **needs(Permission.ACT, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT))
def cancel_operation(server: Server, who: Who, found: Operation) -> models.Operation:
    """Ask that an operation be rolled back; its end tells whether it was. Refused once it cannot
    go back."""
    history.cancel(server.database, found.record.id, who.account.name)
    return tell(history.account(server.database, found.record.id))


_WATCHES: Final[dict[str, Any]] = needs(Permission.READ, HTTPStatus.NOT_FOUND)
_WATCHES["responses"][HTTPStatus.OK.value] = {"content": {EVENT_STREAM: {"schema": EVENT}}}


@router.get("/{id}/events", **_WATCHES, response_class=StreamingResponse)
async def watch_operation(server: Server, found: Operation) -> StreamingResponse:
    """The operation now and at every change, as server-sent events `operation`, each with all of
    it as JSON, until it has ended: then comes `end`."""

    async def stream() -> AsyncIterator[str]:
        async for news in server.hub.watch(found.record.id):
            yield STILL_HERE if news is None else news.text("operation", _told)
        yield event("end", "{}")

    return StreamingResponse(stream(), media_type=EVENT_STREAM, headers={"X-Accel-Buffering": "no"})


def event(name: str, data: str) -> str:
    """One server-sent event."""
    lines = "".join(f"data: {line}\n" for line in data.splitlines())
    return f"event: {name}\n{lines}\n"


def _told(found: Account) -> str:
    return event("operation", tell(found).model_dump_json())


def tell(found: Account) -> models.Operation:
    """An operation with its steps, as it is told."""
    return models.Operation.model_validate(shapes.account(found), from_attributes=True)
