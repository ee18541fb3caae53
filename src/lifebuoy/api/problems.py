"""Errors over HTTP: problem details (RFC 9457) that carry our stable codes and hints."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

import structlog
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

from lifebuoy.errors import (
    BadInput,
    Busy,
    DatabaseTrouble,
    DefinitionChanged,
    Forbidden,
    HostTrouble,
    LifebuoyError,
    NotFound,
    NotSignedIn,
    ProviderTrouble,
    Refused,
    StepFailed,
    TooManyTries,
)

MEDIA_TYPE: Final = "application/problem+json"
#: The first that fits counts.
_STATUS: Final[tuple[tuple[type[LifebuoyError], HTTPStatus], ...]] = (
    (NotSignedIn, HTTPStatus.UNAUTHORIZED),
    (Forbidden, HTTPStatus.FORBIDDEN),
    (TooManyTries, HTTPStatus.TOO_MANY_REQUESTS),
    (NotFound, HTTPStatus.NOT_FOUND),
    (BadInput, HTTPStatus.UNPROCESSABLE_ENTITY),
    (Busy, HTTPStatus.CONFLICT),
    (Refused, HTTPStatus.CONFLICT),
    (DatabaseTrouble, HTTPStatus.SERVICE_UNAVAILABLE),
    (HostTrouble, HTTPStatus.BAD_GATEWAY),
    (ProviderTrouble, HTTPStatus.BAD_GATEWAY),
)
_BUSY_S: Final = 5
#: In the OpenAPI document: a header's value.
TEXT: Final = {"schema": {"type": "string"}}
_log = structlog.get_logger(__name__)


class Problem(BaseModel):
    """What went wrong."""

    type: str = Field(description="urn:lifebuoy:problem: and the code.")
    title: str = Field(description="The HTTP status in words.")
    status: int
    detail: str = Field(description="What happened to what.")
    code: str = Field(description="Stable across releases, such as consent-needed.")
    safe: str = Field(description="What was lost or that nothing was; may be empty.")
    hint: str = Field(description="What to do next; may be empty.")
    request_id: str = Field(description="What the server's log calls this request.")
    step: str | None = Field(default=None, description="The step of an operation that failed.")
    edits: list[str] | None = Field(
        default=None, description="Of definition-changed: what somebody edited, lines of a diff."
    )
    errors: list[str] | None = Field(
        default=None, description="Of bad-input: which part of the request, and why."
    )


class TooLarge(BadInput):
    """A request is larger than any of ours."""

    code = "too-large"


def status_of(error: LifebuoyError) -> HTTPStatus:
    """The status that goes with an error."""
    if isinstance(error, TooLarge):
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    for kind, status in _STATUS:
        if isinstance(error, kind):
            return status
    return HTTPStatus.INTERNAL_SERVER_ERROR


def headers_of(error: LifebuoyError) -> dict[str, str]:
    """What else an answer with that error says."""
    if isinstance(error, NotSignedIn):
        return {"WWW-Authenticate": 'Bearer realm="lifebuoy"'}
    if isinstance(error, TooManyTries):
        return {"Retry-After": str(error.wait_s)}
    return {"Retry-After": str(_BUSY_S)} if isinstance(error, Busy) else {}


def request_id_of(request: HTTPConnection) -> str:
    """What the log calls a request; ``passing`` gives it."""
    return str(request.scope.get("lifebuoy.request_id", ""))


def answer(request: HTTPConnection, error: LifebuoyError, **more: Any) -> JSONResponse:
    """The answer for an error of ours."""
    status = status_of(error)
    if isinstance(error, StepFailed):
        more |= {"step": error.step}
    if isinstance(error, DefinitionChanged):
        more |= {"edits": list(error.edits)}
    problem = Problem(
        type=f"urn:lifebuoy:problem:{error.code}",
        title=status.phrase,
        status=status.value,
        detail=error.message,
        code=error.code,
        safe=error.safe,
        hint=error.hint,
        request_id=request_id_of(request),
        **more,
    )
    return JSONResponse(
        problem.model_dump(exclude_none=True),
        status.value,
        media_type=MEDIA_TYPE,
        headers=headers_of(error),
    )


def of_ours(request: Request, error: Exception) -> JSONResponse:
    """For ``add_exception_handler``: an error of ours."""
    assert isinstance(error, LifebuoyError)
    return answer(request, error)


def of_validation(request: Request, error: Exception) -> JSONResponse:
    """A request of the wrong form. What was sent is not repeated: it may be a password."""
    assert isinstance(error, RequestValidationError)
    wrong = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
    return answer(request, BadInput("the request is not of the documented form"), errors=wrong)


def of_framework(request: Request, error: Exception) -> JSONResponse:
    """What the framework refuses: no such path, no such method, a body that is none."""
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    if status is HTTPStatus.BAD_REQUEST:  # such as bytes that are no text
        return answer(request, BadInput("the request is not of the documented form"))
    headers = dict(error.headers or {})
    if status is HTTPStatus.METHOD_NOT_ALLOWED and (methods := methods_of(request)):
        headers["Allow"] = ", ".join(methods)
    problem = Problem(
        type="about:blank",
        title=status.phrase,
        status=status.value,
        detail=status.description or status.phrase,
        code=status.name.lower().replace("_", "-"),
        safe="Nothing was changed.",
        hint="",
        request_id=request_id_of(request),
    )
    return JSONResponse(
        problem.model_dump(exclude_none=True),
        status.value,
        media_type=MEDIA_TYPE,
        headers=headers,
    )


def methods_of(request: Request) -> list[str]:
    """The documented methods of a call's address, where it is one; the framework tells of one
    route's alone. Of several addresses of that form the one with the most words of its own."""
    asked = request.url.path.split("/")

    def fits(template: list[str]) -> bool:
        return len(template) == len(asked) and all(
            part == word or part.startswith("{") for part, word in zip(template, asked, strict=True)
        )

    paths: dict[str, dict[str, Any]] = request.app.openapi()["paths"]
    found = [path for path in paths if fits(path.split("/"))]
    best = min(found, key=lambda path: path.count("{"), default="")
    return sorted(method.upper() for method in paths.get(best, {}))


def of_bugs(request: Request, error: Exception) -> JSONResponse:
    """A bug: its text may hold anything, so only the log has more than its kind."""
    _log.error("request_broke", path=request.url.path, exc_info=error)
    return answer(request, LifebuoyError(f"unexpected {type(error).__name__}", safe=""))


def documented(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """For the OpenAPI document: the problems that a call answers with."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {one.value: {"description": one.phrase, "content": content} for one in statuses}
