"""Whose request it is, and for an admin who there is and what each was given. The first admin is
made by the command line.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Request, Response

from lifebuoy.accounts import registry, second_factor
from lifebuoy.accounts.model import Account, Grant, Permission
from lifebuoy.api import models, table_models
from lifebuoy.api.again import require_again
from lifebuoy.api.authorisation import Who, needs
from lifebuoy.api.reaching import Instance, Reached
from lifebuoy.api.state import API, Server
from lifebuoy.operations.daemon import daemon_of

router = APIRouter(tags=["accounts"])

NamePath = Annotated[str, Path(max_length=63, description="The name of an account.")]
_GIVES: Final[dict[str, Any]] = {
    "status_code": HTTPStatus.NO_CONTENT,
    **needs(
        Permission.ADMINISTER, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.BAD_GATEWAY
    ),
}
_CHANGES: Final = (
    Permission.ADMINISTER,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.CONFLICT,
    HTTPStatus.TOO_MANY_REQUESTS,
)


@router.get("/session", **needs(Permission.READ))
def show_session(who: Who) -> models.Session:
    """Whose request this is, and what it may do."""
    return models.Session(
        account=who.account.name, role=who.account.role, may=sorted(who.may, key=str)
    )


@router.get("/accounts", **needs(Permission.ADMINISTER))
def list_accounts(server: Server) -> models.Accounts:
    """All accounts, and which instances the owners were given."""
    return models.Accounts(
        accounts=[_told(one, given) for one, given in registry.every(server.database)]
    )


@router.post("/accounts", status_code=HTTPStatus.CREATED, **needs(*_CHANGES))
def add_account(
    server: Server,
    who: Who,
    request: Request,
    response: Response,
    body: table_models.AddAccount,
) -> models.Account:
    """Make an account."""
    require_again(server, who, request, body.current)
    password = body.password.get_secret_value()
    made = registry.add(server.database, body.name, body.role, password, by=who.account.name)
    response.headers["Location"] = f"{API}/accounts/{made.name}"
    return _told(made, ())


@router.get("/accounts/{name}", **needs(Permission.ADMINISTER, HTTPStatus.NOT_FOUND))
def show_account(server: Server, name: NamePath) -> models.Account:
    """An account, and which instances it was given."""
    return _told(*registry.get(server.database, name))


@router.patch("/accounts/{name}", **needs(*_CHANGES))
def change_account(
    server: Server, who: Who, request: Request, name: NamePath, body: table_models.ChangeAccount
) -> models.Account:
    """Make an account one of another role, from its next request on; not one's own."""
    require_again(server, who, request, body.current)
    registry.set_role(server.database, name, body.role, by=who.account.name)
    return _told(*registry.get(server.database, name))


@router.put("/accounts/{name}/password", status_code=HTTPStatus.NO_CONTENT, **needs(*_CHANGES))
def set_password(
    server: Server, who: Who, request: Request, name: NamePath, body: table_models.SetPassword
) -> None:
    """Another password of an account; its browsers must sign in again, its API keys stay."""
    require_again(server, who, request, body.current)
    password = body.password.get_secret_value()
    registry.set_password(server.database, name, password, by=who.account.name)


@router.delete("/accounts/{name}", status_code=HTTPStatus.NO_CONTENT, **needs(*_CHANGES))
def remove_account(server: Server, who: Who, name: NamePath) -> None:
    """Remove an account with its sessions and API keys; not one's own. What it did stays on
    record."""
    registry.remove(server.database, name, by=who.account.name)


@router.put("/accounts/{name}/instances/{host}/{uuid}", **_GIVES)
def grant(server: Server, who: Who, name: NamePath, instance: Instance) -> None:
    """Give an instance to an owner; also where only the server may ask its host."""
    registry.grant(server.database, name, _grant_of(instance), by=who.account.name)


@router.delete("/accounts/{name}/instances/{host}/{uuid}", **_GIVES)
def revoke(server: Server, who: Who, name: NamePath, instance: Instance) -> None:
    """Take an instance from an owner again."""
    registry.revoke(server.database, name, _grant_of(instance), by=who.account.name)


@router.get("/accounts/{name}/second-factor", **needs(Permission.ADMINISTER, HTTPStatus.NOT_FOUND))
def show_second_factor(server: Server, name: NamePath) -> table_models.SecondFactor:
    """Whether an account has a second factor."""
    account, _ = registry.get(server.database, name)
    found = second_factor.of(server.database, account)
    return table_models.SecondFactor(on=found.is_on, since=found.since, recovery=found.recovery)


@router.delete(
    "/accounts/{name}/second-factor", status_code=HTTPStatus.NO_CONTENT, **needs(*_CHANGES)
)
def reset_second_factor(server: Server, who: Who, request: Request, name: NamePath) -> None:
    """Take the second factor from an account that has lost it; its browsers must sign in again. Not
    one's own. In a browser who has not just signed in at a provider does it on the account's page,
    which asks for the password."""
    require_again(server, who, request)
    second_factor.reset(server.database, name, by=who.account.name)


def _told(account: Account, given: tuple[Grant, ...]) -> models.Account:
    return models.Account(
        name=account.name,
        role=account.role,
        created=account.created,
        instances=[
            models.Given(host=each.host, uuid=each.instance, name=each.name) for each in given
        ],
    )


def _grant_of(instance: Reached) -> Grant:
    host = instance.context.host
    return Grant(daemon_of(host), instance.uuid, host.name, host.domain(instance.uuid).name)
