"""API keys and the password of one's own account; for an admin, the keys of others.

One's own are changed in a browser only: a key that was found somewhere must not live on in others
that it has made, nor lock its owner out. A browser asks for the password then, or whoever found it
unlocked would have such a key.
"""

from __future__ import annotations

from dataclasses import asdict
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Path, Request

from lifebuoy.accounts import keys, registry, sessions
from lifebuoy.accounts.keys import Key
from lifebuoy.accounts.model import MAY, Identity, Permission
from lifebuoy.api import table_models as models
from lifebuoy.api.accounts import NamePath
from lifebuoy.api.again import address_of, require_again
from lifebuoy.api.authorisation import Who, needs
from lifebuoy.api.state import Server
from lifebuoy.errors import BadInput, Forbidden
from lifebuoy.store import Database

router = APIRouter(tags=["accounts"])

KeyPath = Annotated[str, Path(pattern=r"^[0-9a-f]{1,32}$", description="The id of an API key.")]
_OWN: Final = needs(Permission.READ, HTTPStatus.NOT_FOUND, HTTPStatus.TOO_MANY_REQUESTS)
_ADMIN: Final = needs(Permission.ADMINISTER, HTTPStatus.NOT_FOUND, HTTPStatus.TOO_MANY_REQUESTS)


@router.put("/session/password", status_code=HTTPStatus.NO_CONTENT, **_OWN)
def change_own_password(
    server: Server, who: Who, request: Request, body: models.OwnPassword
) -> None:
    """Another password of one's own account, in a browser; all its browsers must sign in again."""
    require_browser(who)
    sessions.change_password(
        server.database,
        who.account.name,
        body.current.get_secret_value(),
        body.password.get_secret_value(),
        address_of(request),
    )


@router.get("/session/keys", **_OWN)
def list_own_keys(server: Server, who: Who) -> models.ApiKeys:
    """The API keys of one's own account."""
    return _told(keys.every(server.database, who.account.name))


@router.post("/session/keys", status_code=HTTPStatus.CREATED, **_OWN)
def add_own_key(
    server: Server, who: Who, request: Request, body: models.AddApiKey
) -> models.NewApiKey:
    """Make an API key of one's own account, in a browser, which asks for the password once more.
    The key itself is told this once."""
    require_browser(who)
    require_again(server, who, request, body.current)
    return _made(server, who, who.account.name, body)


@router.delete("/session/keys/{key}", status_code=HTTPStatus.NO_CONTENT, **_OWN)
def remove_own_key(server: Server, who: Who, key: KeyPath) -> None:
    """Make an API key of one's own account worthless, in a browser."""
    require_browser(who)
    keys.remove(server.database, key, by=who.account.name, account=who.account.name)


@router.get("/accounts/{name}/keys", **_ADMIN)
def list_keys(server: Server, name: NamePath) -> models.ApiKeys:
    """The API keys of an account."""
    registry.get(server.database, name)
    return _told(keys.every(server.database, name))


@router.post("/accounts/{name}/keys", status_code=HTTPStatus.CREATED, **_ADMIN)
def add_key(
    server: Server, who: Who, request: Request, name: NamePath, body: models.AddApiKey
) -> models.NewApiKey:
    """Make an API key of an account. The key itself is told this once."""
    require_again(server, who, request, body.current)
    return _made(server, who, name, body)


@router.delete("/accounts/{name}/keys/{key}", status_code=HTTPStatus.NO_CONTENT, **_ADMIN)
def remove_key(server: Server, who: Who, name: NamePath, key: KeyPath) -> None:
    """Make an API key of an account worthless."""
    keys.remove(server.database, key, by=who.account.name, account=name)


def require_browser(who: Identity) -> None:
    """Pass if it is a browser's session that asks.

    Raises:
        Forbidden: it is an API key.
    """
    if not who.csrf:
        raise Forbidden(
            "an API key cannot change the password or the keys of its account",
            hint="sign in with a browser; or an admin's key can, of any account",
        )


def new_key(
    database: Database, name: str, label: str, scopes: list[Permission], days: int, *, by: str
) -> tuple[Key, str]:
    """A key of an account's, and the key itself, told this once.

    Raises:
        AccountNotFound: there is no account of that name.
        BadInput: the key could do more than its account; or see ``keys.add``.
    """
    account, _ = registry.get(database, name)
    if not frozenset(scopes) <= MAY[account.role]:
        raise BadInput(
            f"a key may do no more than its account, and '{name}' is {account.role}",
            hint=f"scopes of these: {', '.join(sorted(MAY[account.role]))}",
        )
    return keys.add(database, name, label, scopes, days, by=by)


def _made(server: Server, who: Identity, name: str, body: models.AddApiKey) -> models.NewApiKey:
    made, secret = new_key(
        server.database, name, body.label, body.scopes, body.days, by=who.account.name
    )
    return models.NewApiKey(api_key=models.ApiKey.model_validate(asdict(made)), key=secret)


def _told(found: list[Key]) -> models.ApiKeys:
    return models.ApiKeys(api_keys=[models.ApiKey.model_validate(asdict(one)) for one in found])
