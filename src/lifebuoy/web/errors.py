"""Errors as pages; those of the REST API stay problem details."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import quote

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from lifebuoy.api import problems
from lifebuoy.api.state import API
from lifebuoy.errors import BadInput, LifebuoyError, NotFound, NotSignedIn
from lifebuoy.web.render import go, page


def of_ours(request: Request, error: Exception) -> Response:
    """An error of ours; who has not signed in is asked to, and comes back here."""
    assert isinstance(error, LifebuoyError)
    if not is_page(request):
        return problems.answer(request, error)
    if isinstance(error, NotSignedIn):
        back = f"?next={quote(request.url.path)}" if request.method == "GET" else ""
        return go(request, f"/login{back}")
    return page(request, "error.html", status=problems.status_of(error), error=error)


def of_validation(request: Request, error: Exception) -> Response:
    """A form that no page of ours has sent."""
    if not is_page(request):
        return problems.of_validation(request, error)
    assert isinstance(error, RequestValidationError)
    return of_ours(request, BadInput("the request is not of a form of this page"))


def of_framework(request: Request, error: Exception) -> Response:
    """No such page, no such method."""
    assert isinstance(error, HTTPException)
    if not is_page(request) or error.status_code != HTTPStatus.NOT_FOUND:
        return problems.of_framework(request, error)
    return of_ours(request, NotFound("there is no such page", hint=""))


def is_page(request: Request) -> bool:
    """Whether a browser asks for something to show."""
    return not request.url.path.startswith(
        (API, "/healthz", "/readyz", "/metrics", "/static", "/parts")
    )
