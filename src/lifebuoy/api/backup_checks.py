"""Verifications of backup points, and how many an instance may have. No operations on record:
nothing of the instance is changed."""

from __future__ import annotations

from dataclasses import asdict
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter, Response

from lifebuoy.accounts.model import Identity, Permission, Role
from lifebuoy.api import backup_models as models
from lifebuoy.api.actions import caller
from lifebuoy.api.authorisation import Who, needs
from lifebuoy.api.backups import PointPath, point_of
from lifebuoy.api.reaching import Instance, Reached
from lifebuoy.api.state import API, Server, Serving
from lifebuoy.backup.book import Quota
from lifebuoy.errors import Forbidden
from lifebuoy.operations import backup_quota
from lifebuoy.operations.verifying import Verifying

router = APIRouter(prefix="/instances/{host}/{uuid}/backups", tags=["backup points"])

_MAY_BE: Final = (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.BAD_GATEWAY)
_READS: Final = needs(Permission.READ, HTTPStatus.NOT_FOUND, HTTPStatus.BAD_GATEWAY)


@router.get("/quota", **_READS)
def show_quota(instance: Instance) -> models.Quota:
    """What the backup points of an instance may come to."""
    found = backup_quota.allowed(instance.context.host, instance.uuid)
    return models.Quota.model_validate(asdict(found))


@router.patch("/quota", **needs(Permission.ACT, *_MAY_BE))
def set_quota(server: Server, who: Who, instance: Instance, body: models.SetQuota) -> models.Quota:
    """Set it; what is left away stays as it is. It is asked when a point is made: none is deleted
    for it. Not for owners."""
    found = put_quota(server, who, instance, body.points, body.bytes)
    return models.Quota.model_validate(asdict(found))


@router.get("/{id:backup_point}/verify", **_READS)
def show_verification(server: Server, instance: Instance, id: PointPath) -> models.Verification:
    """The latest verification of a backup point, and whether one is under way."""
    name = point_of(instance, id).summary.instance
    return _told(name, id, server.verifications.latest(instance.context.host, id))


@router.post(
    "/{id:backup_point}/verify",
    status_code=HTTPStatus.ACCEPTED,
    **needs(Permission.ACT, *_MAY_BE),
)
def begin_verification(
    server: Server, instance: Instance, response: Response, id: PointPath
) -> models.Verification:
    """Look whether a backup point is still what was noted when it was made; nothing is changed. A
    copy is read whole, which takes as long as that does: `Location` tells how it gets on, and what
    was found. One that is under way is not begun again."""
    name = point_of(instance, id).summary.instance
    made = server.verifications.begin(instance.context.host, id)
    path = f"{API}/instances/{instance.host}/{instance.uuid}/backups/{id}/verify"
    response.headers["Location"] = path
    return _told(name, id, made)


def may_set_quota(who: Identity) -> bool:
    """Whether that account may say what backup points may come to: whose the room is decides."""
    return Permission.ACT in who.may and who.account.role is not Role.OWNER


def put_quota(
    server: Serving, who: Identity, instance: Reached, points: int | None, size_bytes: int | None
) -> Quota:
    """Set the quota of an instance's points, by that account.

    Raises:
        Forbidden: it is an owner.
        Busy: somebody is at work on the instance.
    """
    if not may_set_quota(who):
        raise Forbidden("owners do not set quotas", hint="ask an operator")
    return server.desk.set_quota(instance.context, instance.uuid, points, size_bytes, caller(who))


def _told(name: str, id: str, found: Verifying) -> models.Verification:
    verified, error = found.found, found.error
    shape = {
        "id": id,
        "instance": name,
        "ok": verified.ok if verified else None,
        "files": [{**asdict(one), "ok": one.ok} for one in verified.files] if verified else [],
        "made": found.made,
        "under_way": bool(found.began),
        "began": found.began,
        "done_bytes": found.done_bytes,
        "total_bytes": found.total_bytes,
        "error": {"code": error.code, "message": error.message} if error else None,
    }
    return models.Verification.model_validate(shape)
