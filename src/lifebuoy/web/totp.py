"""The second factor in the pages: asked for after the password, set up, turned off.

What the app is set up with is in the answer to a form, and in no address. Its secret comes back
sealed with the form, so that nothing is kept of it until a code of it was seen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final
from urllib.parse import quote

import segno
from fastapi import APIRouter, Form, Request, Response

from lifebuoy.accounts import entering, second_factor, sessions, totp
from lifebuoy.accounts.entering import Missing
from lifebuoy.accounts.model import Account, Permission
from lifebuoy.accounts.second_factor import Proposal
from lifebuoy.api.again import address_of
from lifebuoy.api.authorisation import COOKIE, Who, needs, require_same_origin
from lifebuoy.api.keys import require_browser
from lifebuoy.api.problems import headers_of, status_of
from lifebuoy.api.state import Server, Serving
from lifebuoy.errors import LifebuoyError, NotSignedIn, Refused
from lifebuoy.web.cookies import HALF, forget_half, keep_session
from lifebuoy.web.render import go, is_ours, page

router = APIRouter(include_in_schema=False)

Code = Annotated[str, Form(max_length=100)]
Sealed = Annotated[str, Form(max_length=1000)]
Next = Annotated[str, Form(max_length=2000)]
_OWN: Final = "/account/totp"
#: Squares of paper around a QR code that its readers need.
_MARGIN: Final = 4


@router.get("/login/code", **needs(None))
def ask_code(request: Request, server: Server, next: str = "/") -> Response:
    """The second half of a sign-in: a code, or first the app to make it."""
    account, missing = _half(request, server)
    if missing is Missing.CODE:
        return page(request, "code.html", next=next, error=None)
    return _set_up(request, server, account, "/login/set-up", next=next)


@router.post("/login/code", **needs(None))
def check_code(request: Request, server: Server, code: Code, next: Next = "/") -> Response:
    """Go on to where somebody wanted to go."""
    require_same_origin(request, server)
    half, signing = request.cookies.get(HALF, ""), server.signing
    try:
        token = entering.finish(
            server.database, signing.vault, half, code, address_of(request), signing.required
        )
    except LifebuoyError as error:
        return _again(request, error, "code.html", next=next)
    return keep_session(server, forget_half(go(request, next if is_ours(next) else "/")), token)


@router.post("/login/set-up", **needs(None))
def finish_set_up(
    request: Request, server: Server, code: Code, sealed: Sealed, next: Next = "/"
) -> Response:
    """The app was set up, as the account's role must have one: the recovery codes, and in."""
    require_same_origin(request, server)
    account, _ = _half(request, server)
    made = second_factor.proposed(server.signing.vault, account, sealed)
    try:
        token, codes = entering.finish_setting_up(
            server.database,
            request.cookies.get(HALF, ""),
            made,
            code,
            address_of(request),
            server.signing.required,
        )
    except LifebuoyError as error:
        at = "/login/set-up"
        return _set_up(request, server, account, at, made=made, error=error, next=next)
    answer = page(request, "recovery.html", codes=codes, next=next if is_ours(next) else "/")
    return keep_session(server, forget_half(answer), token)


@router.get(_OWN, **needs(Permission.READ))
def show(request: Request, server: Server, who: Who) -> Response:
    """One's own second factor."""
    return _shown(request, server, who)


@router.post(_OWN, **needs(Permission.READ))
def begin(
    request: Request, server: Server, who: Who, password: Annotated[str, Form(max_length=1000)]
) -> Response:
    """Set one up; the password once more, so that a browser left alone is not enough."""
    require_browser(who)
    try:
        sessions.proved(server.database, who.account.name, password, address_of(request))
    except LifebuoyError as error:
        return _shown(request, server, who, error)
    return _set_up(request, server, who.account, f"{_OWN}/set-up", who)


@router.post(f"{_OWN}/set-up", **needs(Permission.READ))
def set_up(
    request: Request, server: Server, who: Who, code: Code, sealed: Sealed, next: Next = "/"
) -> Response:
    """The app was set up: the recovery codes."""
    require_browser(who)
    made = second_factor.proposed(server.signing.vault, who.account, sealed)
    keep = request.cookies.get(COOKIE, "")
    try:
        codes = second_factor.confirm(
            server.database, who.account, made, code, address_of(request), keep
        )
    except LifebuoyError as error:
        at = f"{_OWN}/set-up"
        return _set_up(request, server, who.account, at, who, made=made, error=error)
    return page(request, "recovery.html", who, codes=codes, next=_OWN)


@router.post(f"{_OWN}/recovery", **needs(Permission.READ))
def renew_recovery(request: Request, server: Server, who: Who, code: Code) -> Response:
    """Other recovery codes, for a code."""
    require_browser(who)
    return _proved(
        request,
        server,
        who,
        code,
        lambda: page(
            request,
            "recovery.html",
            who,
            codes=second_factor.new_recovery(server.database, who.account),
            next=_OWN,
        ),
    )


@router.post(f"{_OWN}/off", **needs(Permission.READ))
def turn_off(request: Request, server: Server, who: Who, code: Code) -> Response:
    """Turn it off, for a code."""
    require_browser(who)

    def off() -> Response:
        if who.account.role in server.signing.required:
            raise Refused("accounts of this role must have a second factor")
        second_factor.turn_off(server.database, who.account)
        return go(request, _OWN)

    return _proved(request, server, who, code, off)


def _proved(
    request: Request, server: Serving, who: Who, code: str, act: Callable[[], Response]
) -> Response:
    vault, address = server.signing.vault, address_of(request)
    try:
        second_factor.prove(server.database, vault, who.account, code, address)
        return act()
    except LifebuoyError as error:
        return _shown(request, server, who, error)


def _half(request: Request, server: Serving) -> tuple[Account, Missing]:
    """Raises NotSignedIn, which leads to the page to sign in at."""
    half = request.cookies.get(HALF, "")
    return entering.half_of(server.database, half, server.signing.required)


def _shown(
    request: Request, server: Serving, who: Who, error: LifebuoyError | None = None
) -> Response:
    found = second_factor.of(server.database, who.account)
    known = {"factor": found, "must": who.account.role in server.signing.required}
    return _again(request, error, "second_factor.html", who, **known)


def _set_up(
    request: Request,
    server: Serving,
    account: Account,
    action: str,
    who: Who | None = None,
    *,
    made: Proposal | None = None,
    error: LifebuoyError | None = None,
    next: str = "/",
) -> Response:
    """What the app reads, as a picture and as text."""
    proposal = made or second_factor.propose(server.signing.vault, account)
    host = request.url.hostname or ""
    drawing, size = _drawn(totp.uri(proposal.secret, account.name, host))
    known = {
        "action": action,
        "next": next,
        "sealed": proposal.sealed,
        "secret": " ".join(_in_fours(proposal.secret)),
        "drawing": drawing,
        "size": size,
    }
    return _again(request, error, "set_up.html", who, **known)


def _again(
    request: Request,
    error: LifebuoyError | None,
    template: str,
    who: Who | None = None,
    **known: Any,
) -> Response:
    """A page with what was wrong, where something was; who must sign in anew is led there."""
    if error is None:
        return page(request, template, who, error=None, **known)
    if type(error) is NotSignedIn and who is None:
        return go(request, f"/login?next={quote(str(known.get('next', '/')))}")
    shown = page(request, template, who, status=status_of(error), error=error, **known)
    shown.headers.update({k: v for k, v in headers_of(error).items() if k == "Retry-After"})
    return shown


def _drawn(text: str) -> tuple[str, int]:
    """A QR code as the path of an SVG, and how many squares it has each way."""
    rows = [list(row) for row in segno.make(text, micro=False).matrix_iter(border=_MARGIN)]
    squares = [
        f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, dark in enumerate(row) if dark
    ]
    return "".join(squares), len(rows)


def _in_fours(text: str) -> list[str]:
    return [text[at : at + 4] for at in range(0, len(text), 4)]
