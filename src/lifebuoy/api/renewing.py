"""Renew (续费): until when an instance may be used, and who may say so."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus

from fastapi import APIRouter

from lifebuoy.accounts.model import Identity, Permission, Role
from lifebuoy.api import models
from lifebuoy.api.actions import Key, caller
from lifebuoy.api.authorisation import Who, needs
from lifebuoy.api.reaching import Instance, Reached
from lifebuoy.api.state import Server, Serving
from lifebuoy.errors import Expired, Forbidden
from lifebuoy.expiry import RenewRequest, judge, require_startable
from lifebuoy.model import Action
from lifebuoy.operations import renewing
from lifebuoy.operations.daemon import daemon_of
from lifebuoy.operations.status import InstanceDetails, InstanceSummary, details_of

router = APIRouter(prefix="/instances/{host}/{uuid}", tags=["actions"])


@router.post(
    "/renew",
    **needs(Permission.ACT, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.BAD_GATEWAY),
)
def renew(
    server: Server, who: Who, instance: Instance, body: models.Renew, key: Key = ""
) -> models.Renewal:
    """Set, move or take away an instance's expiry date. In every state; done at once.

    Owners may only where the settings say so.
    """
    require_may_renew(server, who)
    asked = RenewRequest(body.until, body.days, body.clear)
    done = server.desk.renew(instance.context, instance.uuid, asked, caller(who, key))
    expiry = judge(done.expires, renewing.now(), server.desk.expiry.notice_days)
    return models.Renewal(before=done.before, expires=done.expires, expiry=expiry)


def require_may_renew(server: Serving, who: Identity) -> None:
    """Pass if that account may move expiry dates.

    Raises:
        Forbidden: it is an owner, and the settings do not let owners renew.
    """
    if who.account.role is Role.OWNER and not server.desk.expiry.owners_renew:
        raise Forbidden("owners do not renew here", hint="ask an operator")


def seen(server: Serving, instance: Reached) -> InstanceDetails:
    """All about an instance, its expiry date too."""
    found = details_of(instance.context.host, instance.domain)
    return replace(found, summary=dated(server, instance, found.summary))


def dated(server: Serving, instance: Reached, summary: InstanceSummary) -> InstanceSummary:
    """A line of the list with its expiry date."""
    daemon = daemon_of(instance.context.host)
    end = renewing.end_of(server.database, daemon, instance.uuid)
    expiry = judge(end, renewing.now(), server.desk.expiry.notice_days)
    return replace(summary, expires=end, expiry=expiry)


def refusals(server: Serving, who: Identity, summary: InstanceSummary) -> dict[Action, str]:
    """Why actions are refused whatever the state is: to this caller, or for the date."""
    found = {}
    try:
        require_startable(summary.expires, summary.name, renewing.now(), server.desk.expiry)
    except Expired as error:
        found[Action.START] = error.message
    try:
        require_may_renew(server, who)
    except Forbidden as error:
        found[Action.RENEW] = error.message
    return found
