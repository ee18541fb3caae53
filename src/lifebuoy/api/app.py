"""Puts the application together: calls, pages, what every request passes through."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException

from lifebuoy import __version__
from lifebuoy.api import (
    accounts,
    actions,
    audit,
    backup_checks,
    backups,
    consoles,
    doctor,
    health,
    hosts,
    images,
    instances,
    keys,
    metrics,
    operations,
    problems,
    renewing,
    rescue,
    screenshot,
)
from lifebuoy.api.authorisation import COOKIE
from lifebuoy.api.state import API, Serving
from lifebuoy.errors import LifebuoyError

CALLS: Final = (
    instances.router,
    actions.router,
    renewing.router,
    rescue.router,
    doctor.router,
    consoles.router,
    screenshot.router,
    operations.router,
    accounts.router,
    backups.every,
    backups.router,
    backup_checks.router,
    audit.router,
    images.router,
    hosts.router,
    keys.router,
)
_LARGE: Final = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
_TITLE: Final = "Lifebuoy"
_ABOUT: Final = """Rescue mode for libvirt virtual machines.

Errors are problem details (RFC 9457) with a stable `code`. What changes an instance answers 202
with the address of an operation, which `/operations/{id}/events` tells of as it happens."""


def application(serving: Serving) -> FastAPI:
    """All calls; ``web`` adds the pages."""
    app = FastAPI(
        title=_TITLE,
        version=__version__,
        openapi_url=f"{API}/openapi.json",
        docs_url=None,  # both load what they need from other hosts
        redoc_url=None,
    )
    app.state.serving = serving
    calls = APIRouter(prefix=API)
    for router in CALLS:
        calls.include_router(router)
    calls.include_router(consoles.sockets)
    app.include_router(calls)
    app.include_router(health.router)
    app.include_router(metrics.router)
    app.add_exception_handler(LifebuoyError, problems.of_ours)
    app.add_exception_handler(RequestValidationError, problems.of_validation)
    app.add_exception_handler(HTTPException, problems.of_framework)
    app.add_exception_handler(Exception, problems.of_bugs)
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]  # as its manual says
    return app


def _document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, with the ways to sign in and the problems."""
    if app.openapi_schema is None:
        found = get_openapi(
            title=app.title, version=app.version, description=_ABOUT, routes=app.routes
        )
        parts = found.setdefault("components", {})
        problem = problems.Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        parts.setdefault("schemas", {})["Problem"] = problem
        parts["securitySchemes"] = {
            "key": {"type": "http", "scheme": "bearer"},
            "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
        }
        for call in (one for path in found["paths"].values() for one in path.values()):
            if "requestBody" in call:
                call["responses"] |= {str(k): v for k, v in problems.documented(_LARGE).items()}
        found["security"] = [{"key": []}, {"session": []}]
        app.openapi_schema = found
    return app.openapi_schema
