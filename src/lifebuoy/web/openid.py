"""Signing in at an OpenID provider: there and back, and linking one's account to it.

Browsers are sent there by links, not by forms: the policy lets forms lead nowhere but here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from lifebuoy.accounts import linking, sessions
from lifebuoy.accounts.errand import Errand, Person, errand_of
from lifebuoy.accounts.model import Permission
from lifebuoy.api.again import address_of
from lifebuoy.api.authorisation import COOKIE, Who, needs
from lifebuoy.api.keys import require_browser
from lifebuoy.api.problems import status_of
from lifebuoy.api.state import Server, Serving
from lifebuoy.errors import LifebuoyError, NotFound, NotSignedIn
from lifebuoy.web.cookies import (
    AWAY,
    base_of,
    forget_away,
    keep_away,
    keep_session,
)
from lifebuoy.web.render import go, is_ours, page
from lifebuoy.web.signing import login_page

if TYPE_CHECKING:
    from lifebuoy.accounts.provider import Provider

router = APIRouter(include_in_schema=False)

_PATH: Final = "/login/openid"
_OWN: Final = "/account/openid"
Password = Annotated[str, Form(max_length=1000)]


@router.get(_PATH, **needs(None))
def leave(request: Request, server: Server, next: str = "/") -> Response:
    """Go to the provider."""
    errand = Errand(next if is_ours(next) else "/")
    try:
        answer = RedirectResponse(_provider(server).address(errand, _back(request, server)), 303)
    except LifebuoyError as error:
        return login_page(request, next=next, error=error)
    return keep_away(server, answer, errand.sealed(server.signing.vault))


@router.get(f"{_PATH}/callback", **needs(None))
def come_back(request: Request, server: Server) -> Response:
    """Back from there: in, or linked, or told why not."""
    provider, next_, address = _provider(server), "/", address_of(request)
    try:
        errand = errand_of(server.signing.vault, request.cookies.get(AWAY, ""))
        next_ = errand.next
        linking.begin(server.database, errand, address)
    except LifebuoyError as error:  # not on record: anybody may ask this as often as he likes
        return forget_away(login_page(request, next=next_, error=error))
    try:
        person = provider.person(errand, request.query_params, _back(request, server))
        answer = (
            _linked(request, server, errand, person)
            if errand.account
            else _entered(request, server, errand, person)
        )
        linking.accepted(server.database, errand, address)
    except LifebuoyError as error:
        sessions.refused(server.database, f"at a provider, from {address}")
        answer = login_page(request, next=next_, error=error)
    return forget_away(answer)


@router.get("/logout/openid", **needs(None))
def sign_out(request: Request, server: Server) -> Response:
    """Sign out of the provider, too, after signing out here."""
    way = _provider(server).way_out(f"{base_of(request, server)}/login")
    return RedirectResponse(way, 303) if way else go(request, "/login")


@router.get(_OWN, **needs(Permission.READ))
def show(request: Request, server: Server, who: Who) -> Response:
    """Whether one's own account is linked."""
    return _shown(request, server, who)


@router.post(_OWN, **needs(Permission.READ))
def ask_link(request: Request, server: Server, who: Who, password: Password) -> Response:
    """Link it; the password once more, as from then on whoever it is there gets in here."""
    require_browser(who)
    errand = Errand(_OWN, who.account.id)
    try:
        sessions.proved(server.database, who.account.name, password, address_of(request))
        address = _provider(server).address(errand, _back(request, server))
    except LifebuoyError as error:
        return _shown(request, server, who, error)
    answer = page(request, "link.html", who, address=address)
    return keep_away(server, answer, errand.sealed(server.signing.vault))


@router.post(f"{_OWN}/unlink", **needs(Permission.READ))
def unlink(request: Request, server: Server, who: Who, password: Password) -> Response:
    """Sign in with the password alone again: it is asked for, so that there is one."""
    require_browser(who)
    try:
        sessions.proved(server.database, who.account.name, password, address_of(request))
        linking.unlink(server.database, who.account.name, by=who.account.name)
    except LifebuoyError as error:
        return _shown(request, server, who, error)
    return go(request, _OWN)


def _entered(request: Request, server: Serving, errand: Errand, person: Person) -> Response:
    settings, address = _provider(server).settings, address_of(request)
    token = linking.sign_in(server.database, settings, person, address)
    return keep_session(server, go(request, errand.next), token)


def _linked(request: Request, server: Serving, errand: Errand, person: Person) -> Response:
    """The one who comes back must be signed in as the one who went."""
    who = sessions.identify(server.database, request.cookies.get(COOKIE, ""))
    if who is None or who.account.id != errand.account:
        raise NotSignedIn("sign in again, and link the account then", safe="")
    linking.link(server.database, person, who.account.name, by=who.account.name)
    return go(request, errand.next)


def _shown(
    request: Request, server: Serving, who: Who, error: LifebuoyError | None = None
) -> Response:
    _provider(server)
    issuer = linking.link_of(server.database, who.account)
    shown = page(request, "provider.html", who, issuer=issuer, error=error)
    shown.status_code = status_of(error) if error else shown.status_code
    return shown


def _provider(server: Serving) -> Provider:
    """Raises NotFound: there is none."""
    if server.signing.provider is None:
        raise NotFound("there is no such page", hint="")
    return server.signing.provider


def _back(request: Request, server: Serving) -> str:
    return f"{base_of(request, server)}{_PATH}/callback"
