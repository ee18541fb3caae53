"""Who may call what: the one place. Every route says what it needs with ``needs``, and nothing else
decides; what is granted of instances and operations is looked at in ``reaching``.

A test makes the table of all calls from the OpenAPI document and tries each as everybody.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection

from lifebuoy.accounts import keys, sessions
from lifebuoy.accounts.model import Identity, Permission
from lifebuoy.accounts.secret import is_same
from lifebuoy.accounts.standing import Proof, ProofKind, identity
from lifebuoy.api.problems import documented
from lifebuoy.api.state import Serving, serving
from lifebuoy.errors import Forbidden, NotSignedIn

COOKIE: Final = "lifebuoy_session"
#: Where a page says, beside the cookie, that it is one of ours.
CSRF_HEADER: Final = "X-CSRF-Token"
CSRF_FIELD: Final = "csrf"
#: In the OpenAPI document: what a call needs.
EXTENSION: Final = "x-lifebuoy-needs"
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
#: The problems that a call for somebody may always answer with.
_USUAL: Final = (
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.SERVICE_UNAVAILABLE,
)


def needs(permission: Permission | None, *more: HTTPStatus) -> dict[str, Any]:
    """For a route's decorator: what its caller must be permitted; None for anybody at all.

    ``more`` are problems that it answers with beside the usual ones.
    """
    if permission is None:
        return {
            "openapi_extra": {EXTENSION: "nothing", "security": []},
            "responses": documented(HTTPStatus.UNPROCESSABLE_ENTITY, *more),
        }

    async def permitted(identity: Who) -> None:
        if permission not in identity.may:
            raise Forbidden(f"this needs the permission '{permission}'", hint="ask an admin")

    return {
        "dependencies": [Depends(permitted)],
        "openapi_extra": {EXTENSION: permission.value},
        "responses": documented(*_USUAL, *more),
    }


async def identified(request: Request) -> Identity:
    """Whose request it is: by an API key, or by the cookie of a session.

    Raises:
        NotSignedIn: nobody's.
        Forbidden: a changing request of a browser that no page of ours has sent.
    """
    server = serving(request)
    found = await _by_key(request, server) or await _by_cookie(request, server)
    if found is None:
        raise NotSignedIn(
            "sign in first", hint="an API key (lifebuoy api-key add), or the page to sign in at"
        )
    request.scope["lifebuoy.account"] = found.account.name
    return found


Who = Annotated[Identity, Depends(identified)]


async def identified_socket(socket: HTTPConnection, server: Serving) -> tuple[Identity, Proof]:
    """Whose WebSocket it is, and by what. Browsers let any page open one and send our cookie with
    it, so the page that did must be named, and be ours.

    Raises:
        NotSignedIn: nobody's.
        Forbidden: it comes from a page elsewhere.
    """
    require_same_origin(socket, server)
    proof = proof_of(socket)
    if COOKIE in socket.cookies and "origin" not in socket.headers:
        raise Forbidden("a browser says which page opens a WebSocket, and this one does not")
    found = await run_in_threadpool(identity, server.database, proof)
    if found is None:
        raise NotSignedIn("sign in first", safe="")
    socket.scope["lifebuoy.account"] = found.account.name
    return found, proof


def proof_of(connection: HTTPConnection) -> Proof:
    """What somebody shows: an API key, else a cookie. Not whether that is worth something."""
    scheme, _, key = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and key:
        return Proof.of(ProofKind.KEY, key.strip())
    return Proof.of(ProofKind.SESSION, connection.cookies.get(COOKIE, ""))


def require_same_origin(request: HTTPConnection, server: Serving) -> None:
    """Pass if a browser says that a page of ours has sent this, or no browser has.

    Raises:
        Forbidden: it comes from elsewhere.
    """
    origin = request.headers.get("origin")
    site = request.headers.get("sec-fetch-site", "same-origin")
    ours = server.origin or f"http://{request.headers.get('host', '')}"
    same = origin is None or urlsplit(origin) == urlsplit(ours)
    if not same or site not in {"same-origin", "none"}:
        raise Forbidden("this was not sent from a page of this server")


async def _by_key(request: Request, server: Serving) -> Identity | None:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key:
        return None
    found = await run_in_threadpool(keys.identify, server.database, key.strip())
    if found is None:
        raise NotSignedIn("this API key is not valid, or its time is over")
    return found


async def _by_cookie(request: Request, server: Serving) -> Identity | None:
    token = request.cookies.get(COOKIE, "")
    if not token:
        return None
    found = await run_in_threadpool(sessions.identify, server.database, token)
    if found is not None and request.method not in _SAFE_METHODS:
        require_same_origin(request, server)
        if not is_same(await _said(request), found.csrf):
            raise Forbidden(
                "this was not sent from a page of this server", hint="load the page again"
            )
    return found


async def _said(request: Request) -> str:
    """The CSRF token that came with a request."""
    header = request.headers.get(CSRF_HEADER)
    if header is not None:
        return header
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return ""
    value = (await request.form()).get(CSRF_FIELD, "")
    return value if isinstance(value, str) else ""
