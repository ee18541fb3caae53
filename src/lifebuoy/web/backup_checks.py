"""The page of a backup point's verification, and the form of the quota."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Form, Request, Response

from lifebuoy.accounts.model import Permission
from lifebuoy.api.authorisation import Who, needs
from lifebuoy.api.backup_checks import put_quota
from lifebuoy.api.backups import PointPath, point_of
from lifebuoy.api.problems import status_of
from lifebuoy.api.reaching import Instance
from lifebuoy.api.state import Server
from lifebuoy.errors import LifebuoyError
from lifebuoy.web.backups import about
from lifebuoy.web.render import go, page

router = APIRouter(include_in_schema=False)

_PATH: Final = "/instances/{host}/{uuid}/backups"
_GIB: Final = 1 << 30


@router.get(_PATH + "/{id}/verify", **needs(Permission.READ))
def show_verification(
    request: Request,
    server: Server,
    who: Who,
    instance: Instance,
    id: PointPath,
    part: bool = False,
) -> Response:
    """What the latest verification found; with ``part`` that alone, for a script that renews it."""
    point = point_of(instance, id).summary
    return page(
        request,
        "verification.html" if part else "backup_verify.html",
        who,
        point=point,
        base=f"/instances/{instance.host}/{instance.uuid}",
        verifying=server.verifications.latest(instance.context.host, id),
        may_act=Permission.ACT in who.may,
        error=None,
    )


@router.post(_PATH + "/{id}/verify", **needs(Permission.ACT))
def begin_verification(
    request: Request, server: Server, who: Who, instance: Instance, id: PointPath
) -> Response:
    """Begin one, and show how it gets on."""
    point_of(instance, id)
    server.verifications.begin(instance.context.host, id)
    return go(request, f"/instances/{instance.host}/{instance.uuid}/backups/{id}/verify")


@router.post(_PATH + "/quota", **needs(Permission.ACT))
def set_quota(
    request: Request,
    server: Server,
    who: Who,
    instance: Instance,
    points: Annotated[int, Form(ge=0, le=10_000)] = 0,
    gib: Annotated[float, Form(ge=0, le=1 << 30)] = 0,
) -> Response:
    """Set what the points of an instance may come to."""
    try:
        put_quota(server, who, instance, points, int(gib * _GIB))
    except LifebuoyError as error:
        known = about(who, instance) | {"error": error}
        return page(request, "backups.html", who, status=status_of(error), **known)
    return go(request, f"/instances/{instance.host}/{instance.uuid}/backups")
