"""Whose request it is, and for an admin who there is. Accounts are made by the command line."""

from __future__ import annotations

from fastapi import APIRouter

from lifebuoy.accounts import registry
from lifebuoy.accounts.model import Permission
from lifebuoy.api import models
from lifebuoy.api.authorisation import Who, needs
from lifebuoy.api.state import Server

router = APIRouter(tags=["accounts"])


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
