"""One's own account: password and API keys."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Request, Response

from lifebuoy.accounts import keys, sessions
from lifebuoy.accounts.model import Identity, Permission
from lifebuoy.api.again import address_of, require_again
from lifebuoy.api.authorisation import Who, needs
from lifebuoy.api.keys import KeyPath, new_key, require_browser
from lifebuoy.api.problems import status_of
from lifebuoy.api.state import Server
from lifebuoy.errors import LifebuoyError
from lifebuoy.web.accounts import RULE, Current, Typed, about_keys, require_same, require_scopes
from lifebuoy.web.render import go, page

router = APIRouter(include_in_schema=False)

_OWN: Final = needs(Permission.READ)


@router.get("/account", **_OWN)
def show_own(request: Request, server: Server, who: Who) -> Response:
    """One's own account."""
    return _own(request, server, who)


@router.post("/account/password", **_OWN)
def change_password(
    request: Request, server: Server, who: Who, current: Typed, password: Typed, again: Typed
) -> Response:
    """Another password; then one signs in anew."""
    require_browser(who)
    try:
        require_same(password, again)
        sessions.change_password(
            server.database, who.account.name, current, password, address_of(request)
        )
    except LifebuoyError as error:
        return _own(request, server, who, wrong="password", error=error)
    return go(request, "/login?next=/account")


@router.post("/account/keys", **_OWN)
def add_key(
    request: Request,
    server: Server,
    who: Who,
    label: Annotated[str, Form(max_length=1000)] = "",
    scope: Annotated[list[Permission] | None, Form()] = None,
    days: Annotated[int, Form()] = 90,
    current: Current = "",
) -> Response:
    """Make a key, and show it this once; the password once more, as it outlives the session."""
    require_browser(who)
    name = who.account.name
    try:
        require_again(server, who, request, current)
        made = new_key(server.database, name, label, require_scopes(scope), days, by=name)
    except LifebuoyError as error:
        return _own(request, server, who, wrong="key", error=error)
    return _own(request, server, who, made=made)


@router.post("/account/keys/{key}/remove", **_OWN)
def remove_key(request: Request, server: Server, who: Who, key: KeyPath) -> Response:
    """Make a key worthless."""
    require_browser(who)
    name = who.account.name
    try:
        keys.remove(server.database, key, by=name, account=name)
    except LifebuoyError as error:
        return _own(request, server, who, wrong="key", error=error)
    return go(request, "/account")


def _own(request: Request, server: Server, who: Identity, **more: Any) -> Response:
    error = more.get("error")
    known = {"keys_at": "/account/keys", **RULE, **about_keys(server, request, who.account)}
    shown = page(request, "own.html", who, **(known | more))
    if error is not None:
        shown.status_code = status_of(error)
    return shown
