"""Whose request it is, and for an admin who there is and what each was given. Accounts are made by
the command line.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path

from lifebuoy.accounts import registry, second_factor
from lifebuoy.accounts.model import Grant, Permission
from lifebuoy.api import models
from lifebuoy.api.authorisation import Who, needs
from lifebuoy.api.reaching import Instance, Reached
from lifebuoy.api.state import Server
from lifebuoy.operations.daemon import daemon_of

router = APIRouter(tags=["accounts"])

NamePath = Annotated[str, Path(max_length=63, description="The name of an account.")]
_GIVES: Final[dict[str, Any]] = {
    "status_code": HTTPStatus.NO_CONTENT,
    **needs(
        Permission.ADMINISTER, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.BAD_GATEWAY
    ),
}


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
        accounts=[
            models.Account(
                name=one.name,
                role=one.role,
                created=one.created,
                instances=[
                    models.Given(host=each.host, uuid=each.instance, name=each.name)
                    for each in given
                ],
            )
            for one, given in registry.every(server.database)
        ]
    )


@router.put("/accounts/{name}/instances/{host}/{uuid}", **_GIVES)
def grant(server: Server, who: Who, name: NamePath, instance: Instance) -> None:
    """Give an instance to an owner; also where only the server may ask its host."""
    registry.grant(server.database, name, _grant_of(instance), by=who.account.name)


@router.delete("/accounts/{name}/instances/{host}/{uuid}", **_GIVES)
def revoke(server: Server, who: Who, name: NamePath, instance: Instance) -> None:
    """Take an instance from an owner again."""
    registry.revoke(server.database, name, _grant_of(instance), by=who.account.name)


@router.delete(
    "/accounts/{name}/second-factor",
    status_code=HTTPStatus.NO_CONTENT,
    **needs(Permission.ADMINISTER, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
def reset_second_factor(server: Server, who: Who, name: NamePath) -> None:
    """Take the second factor from an account that has lost it; its browsers must sign in again."""
    second_factor.reset(server.database, name, by=who.account.name)


def _grant_of(instance: Reached) -> Grant:
    host = instance.context.host
    return Grant(daemon_of(host), instance.uuid, host.name, host.domain(instance.uuid).name)
