"""Signing in and out, and the language of the pages."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Request, Response

from lifebuoy.accounts import entering, sessions
from lifebuoy.accounts.entering import Missing
from lifebuoy.accounts.model import Permission
from lifebuoy.api import problems
from lifebuoy.api.again import address_of
from lifebuoy.api.authorisation import COOKIE, Who, needs, require_same_origin
from lifebuoy.api.state import Server
from lifebuoy.errors import LifebuoyError, NotSignedIn, TooManyTries
from lifebuoy.web import language
from lifebuoy.web.cookies import keep_half, keep_session
from lifebuoy.web.language import Language
from lifebuoy.web.render import go, is_ours, page

router = APIRouter(include_in_schema=False)

_YEAR_S = 31_536_000


@router.get("/login", **needs(None))
def login(request: Request, next: str = "/", out: bool = False) -> Response:
    """The page to sign in at; ``out`` where somebody has just signed out."""
    return login_page(request, next=next, out=out)


@router.post("/login", **needs(None))
def sign_in(
    request: Request,
    server: Server,
    name: Annotated[str, Form(max_length=200)],
    password: Annotated[str, Form(max_length=1000)],
    next: Annotated[str, Form(max_length=2000)] = "/",
) -> Response:
    """Sign in, and go on to where somebody wanted to go."""
    require_same_origin(request, server)
    address, required = address_of(request), server.signing.required
    try:
        entered = entering.sign_in(server.database, name, password, address, required)
    except (NotSignedIn, TooManyTries) as error:
        return login_page(request, next=next, name=name, error=error)
    where = next if is_ours(next) else "/"
    if entered.missing is not Missing.NOTHING:
        return keep_half(server, go(request, f"/login/code?next={quote(where)}"), entered.token)
    return keep_session(server, go(request, where), entered.token)


@router.post("/logout", **needs(Permission.READ))
def sign_out(request: Request, server: Server, _who: Who) -> Response:
    """End the session."""
    sessions.sign_out(server.database, request.cookies.get(COOKIE, ""))
    answer = go(request, "/login?out=true" if server.signing.provider else "/login")
    answer.delete_cookie(COOKIE)
    return answer


@router.post("/language", **needs(None))
def choose_language(
    request: Request,
    server: Server,
    to: Annotated[Language, Form()],
    next: Annotated[str, Form(max_length=2000)] = "/",
) -> Response:
    """Show the pages in another language from now on."""
    require_same_origin(request, server)
    answer = go(request, next if is_ours(next) else "/")
    answer.set_cookie(
        language.COOKIE, to.value, max_age=_YEAR_S, secure=server.is_secure, samesite="lax"
    )
    return answer


def login_page(
    request: Request,
    *,
    next: str,
    name: str = "",
    error: LifebuoyError | None = None,
    out: bool = False,
) -> Response:
    """The page to sign in at, with what was wrong."""
    shown = page(request, "login.html", next=next, name=name, error=error, out=out)
    if error is not None:
        shown.status_code = problems.status_of(error)
        waits = problems.headers_of(error).items()
        shown.headers.update({name: value for name, value in waits if name == "Retry-After"})
    return shown
