"""Whether the server runs, and whether it can do its work: for whoever supervises it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

import sqlalchemy as sa
from fastapi import APIRouter, Response

from lifebuoy.api import models
from lifebuoy.api.authorisation import needs
from lifebuoy.api.state import Server, Serving
from lifebuoy.errors import DatabaseTrouble

router = APIRouter(tags=["health"])


@router.get("/healthz", **needs(None))
def healthz() -> models.Health:
    """That the process answers."""
    return models.Health(status="ok")


_TELLS: Final[dict[str, Any]] = needs(None)
_TELLS["responses"][HTTPStatus.SERVICE_UNAVAILABLE.value] = {"model": models.Ready}


@router.get("/readyz", **_TELLS)
def readyz(server: Server, response: Response) -> models.Ready:
    """Whether the database answers and the server is not ending; how many hosts are connected.

    A host that is away makes it no less ready: the others are served.
    """
    database = _has_database(server)
    ready = database and not server.stopping.is_set()
    if not ready:
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    return models.Ready(
        status="ok" if ready else "not ready",
        database=database,
        hosts=len(server.hosts.places),
        connected=server.hosts.connected,
    )


def _has_database(server: Serving) -> bool:
    try:
        with server.database.reading() as connection:
            connection.execute(sa.select(1))
    except DatabaseTrouble:
        return False
    return True
