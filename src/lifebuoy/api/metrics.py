"""Figures for a monitoring system that scrapes them, with an API key of the scope ``monitor``."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse

from lifebuoy.accounts.model import Permission
from lifebuoy.api.authorisation import needs
from lifebuoy.api.figures import CONTENT_TYPE
from lifebuoy.api.state import Server

router = APIRouter(tags=["health"])

_NEEDS: Final[dict[str, Any]] = needs(Permission.MONITOR)


@router.get("/metrics", **_NEEDS, response_class=PlainTextResponse)
def metrics(server: Server) -> Response:
    """Figures in the text format of Prometheus. They name hosts, and no instance or account."""
    return Response(server.figures.text(server), media_type=CONTENT_TYPE)
