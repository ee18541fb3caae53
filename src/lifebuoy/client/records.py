"""Operations as a server tells of them. Apart from the other shapes, as the tables of the database,
which a list does not need, take a while to load."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lifebuoy.client.shapes import understood
from lifebuoy.operations.history import Account
from lifebuoy.store import Outcome
from lifebuoy.store.records import Record, Standing, StepRecord

#: Who is at work on an operation is told by its server in no more detail.
_SOMEBODY: Final = "the server, or a worker beside it"


def operation(told: Mapping[str, Any]) -> Account:
    """An operation; its steps where they are told."""
    with understood():
        steps = tuple(StepRecord(**one) for one in told.get("steps", ()))
        return Account(_record(told), steps)


def _record(told: Mapping[str, Any]) -> Record:
    standing, progress = Standing(told["state"]), told["progress"]
    ended = standing not in {Standing.WAITING, Standing.RUNNING, Standing.LEFT}
    return Record(
        id=told["id"],
        kind=told["kind"],
        version=0,
        host=told["host"],
        daemon="",
        instance=told["uuid"],
        name=told["instance"],
        who=told["who"],
        request={},
        created=told["created"],
        executor=_SOMEBODY if standing is Standing.RUNNING else "",
        started=told["started"],
        finished=told["finished"],
        attempts=told["attempts"],
        outcome=Outcome(standing.value) if ended else None,
        error=told["error"],
        result=told["result"],
        progress=None if progress is None else (progress["done"], progress["total"]),
        plan=tuple(step["name"] for step in told.get("steps", ())) + tuple(told.get("to_come", ())),
        onward=told["no_way_back"],
        cancel_requested=told["cancel_requested_by"],
    )
