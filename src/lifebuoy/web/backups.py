"""Backup points: those of all instances, those of one, and the dialogs that change them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Form, Request, Response

from lifebuoy.accounts.model import Identity, Permission
from lifebuoy.api.actions import caller
from lifebuoy.api.authorisation import Who, needs
from lifebuoy.api.backup_checks import may_set_quota
from lifebuoy.api.backups import PointPath, all_of, backups_of, deletion_of, point_of
from lifebuoy.api.reaching import Instance, Reached
from lifebuoy.api.state import Server
from lifebuoy.model import Action, InstanceState
from lifebuoy.operations import backup_needs
from lifebuoy.operations.backup_asking import BackupRequest
from lifebuoy.operations.backup_copy import CopyRequest
from lifebuoy.operations.backup_create import CreateRequest
from lifebuoy.operations.backup_delete import DeleteRequest
from lifebuoy.operations.backup_list import PointSummary
from lifebuoy.operations.backup_restore import RestoreRequest
from lifebuoy.operations.listing import rows
from lifebuoy.operations.status import require_allowed, state_of
from lifebuoy.policy import verdicts
from lifebuoy.store.records import Record
from lifebuoy.web.acting import Checked, acted, dialog, see
from lifebuoy.web.render import page
from lifebuoy.web.tables import Asked, Order, number, shown

router = APIRouter(include_in_schema=False)

_PATH: Final = "/instances/{host}/{uuid}/backups"
_READS: Final = needs(Permission.READ)
_ACTS: Final = needs(Permission.ACT)
#: A host's name and a point there.
_Row = tuple[str, PointSummary]
_ORDER: Final[Order[_Row]] = Order(
    columns={
        "instance": lambda row: row[1].instance.casefold(),
        "name": lambda row: row[1].name.casefold(),
        "created": lambda row: row[1].created,
        "space": lambda row: number(row[1].size_bytes),
    },
    id=lambda row: f"{row[0]} {row[1].uuid} {row[1].created} {row[1].id}",
    text=lambda row: f"{row[1].instance} {row[1].name} {row[1].id}",
)


@router.get("/backups", **_READS)
def list_every_backup(request: Request, server: Server, who: Who, wanted: Asked) -> Response:
    """The points of all instances that one may see."""
    listed = all_of(server, who)
    found = [(host, point) for host, one in rows(listed) for point in one.points]
    return page(
        request,
        "every_backups.html",
        who,
        table=shown(found, wanted, _ORDER),
        hosts=listed,
        part=wanted.part,
    )


@router.get(_PATH, **_READS)
def list_backups(request: Request, who: Who, instance: Instance) -> Response:
    """The points of an instance."""
    return page(request, "backups.html", who, **about(who, instance))


@router.get(_PATH + "/card", **_READS)
def show_card(request: Request, who: Who, instance: Instance) -> Response:
    """The points for the card on the page of the instance, which is shown before they are known."""
    return page(request, "backups_part.html", who, **about(who, instance))


@router.get(_PATH + "/create", **_ACTS)
def ask_create(request: Request, who: Who, instance: Instance) -> Response:
    """The dialog before a point is made."""
    require_allowed(instance.context.host, instance.uuid, Action.BACKUP_CREATE)
    return dialog(request, who, instance, "backup_create.html", **_creating(instance))


@router.post(_PATH + "/create", **_ACTS)
def create(
    request: Request,
    server: Server,
    who: Who,
    instance: Instance,
    kind: Annotated[Literal["frozen", "copy"], Form()] = "frozen",
    name: Annotated[str, Form(max_length=200)] = "",
    keep: Annotated[int, Form(ge=0, le=10_000)] = 0,
    freeze: Checked = False,
) -> Response:
    """Make a point."""
    copied = kind == "copy"
    asked: BackupRequest = CreateRequest(name, keep)
    if copied:
        asked = CopyRequest(name, keep, freeze=freeze)

    def again() -> dict[str, Any]:
        return {**_creating(instance), "name": name, "keep": keep, "copied": copied}

    return _asked(request, server, who, instance, "backup_create.html", asked, again)


@router.get(_PATH + "/undo", **_ACTS)
def ask_undo(request: Request, who: Who, instance: Instance) -> Response:
    """The dialog before a restore is undone."""
    require_allowed(instance.context.host, instance.uuid, Action.BACKUP_RESTORE)
    return dialog(request, who, instance, "backup_undo.html")


@router.post(_PATH + "/undo", **_ACTS)
def undo(request: Request, server: Server, who: Who, instance: Instance) -> Response:
    """Undo the last restore."""
    return _asked(request, server, who, instance, "backup_undo.html", RestoreRequest())


@router.post(_PATH + "/tidy", **_ACTS)
def tidy(request: Request, server: Server, who: Who, instance: Instance) -> Response:
    """Go on with what was cut off, as far as that is possible now."""
    made = server.desk.backup(
        instance.context, instance.uuid, DeleteRequest((), later=True), caller(who)
    )
    return see(request, instance, made)


@router.get(_PATH + "/{id}/restore", **_ACTS)
def ask_restore(request: Request, who: Who, instance: Instance, id: PointPath) -> Response:
    """The dialog before a point is gone back to."""
    require_allowed(instance.context.host, instance.uuid, Action.BACKUP_RESTORE)
    known = _restoring(instance, id)
    return dialog(request, who, instance, "backup_restore.html", **known)


@router.post(_PATH + "/{id}/restore", **_ACTS)
def restore(
    request: Request, server: Server, who: Who, instance: Instance, id: PointPath
) -> Response:
    """Go back to a point."""
    known = _restoring(instance, id)
    asked = RestoreRequest(id)
    return _asked(request, server, who, instance, "backup_restore.html", asked, lambda: known)


@router.get(_PATH + "/{id}/delete", **_ACTS)
def ask_delete(request: Request, who: Who, instance: Instance, id: PointPath) -> Response:
    """The dialog before a point is deleted."""
    require_allowed(instance.context.host, instance.uuid, Action.BACKUP_DELETE)
    return dialog(request, who, instance, "backup_delete.html", **_deleting(instance, id))


@router.post(_PATH + "/{id}/delete", **_ACTS)
def delete(
    request: Request,
    server: Server,
    who: Who,
    instance: Instance,
    id: PointPath,
    later: Checked = False,
) -> Response:
    """Delete a point."""
    known = _deleting(instance, id)
    asked = DeleteRequest((id,), later)
    return _asked(request, server, who, instance, "backup_delete.html", asked, lambda: known)


def _asked(
    request: Request,
    server: Server,
    who: Identity,
    instance: Reached,
    template: str,
    asked: BackupRequest,
    more: Callable[[], dict[str, Any]] = dict,
) -> Response:
    def act() -> Record:
        return server.desk.backup(instance.context, instance.uuid, asked, caller(who))

    return acted(request, who, instance, template, act, more)


def about(who: Identity, instance: Reached) -> dict[str, Any]:
    """The points, and what may be done with them now."""
    found = backups_of(instance)
    state = state_of(instance.context.host, instance.uuid)
    return {
        "backups": found,
        "base": f"/instances/{instance.host}/{instance.uuid}",
        "state": state,
        "in_rescue": state not in {InstanceState.STOPPED, InstanceState.RUNNING},
        "verdicts": {one.action.value: one for one in verdicts(state, found.instance)},
        "may_act": Permission.ACT in who.may,
        "may_set_quota": may_set_quota(who),
        "error": None,
    }


def _creating(instance: Reached) -> dict[str, Any]:
    found = backup_needs.needs(instance.context, instance.uuid)
    return {"needs": found, "name": "", "keep": 0, "copied": False, "freeze": True}


def _restoring(instance: Reached, id: str) -> dict[str, Any]:
    undone = backups_of(instance).undo_of
    return {"point": point_of(instance, id).summary, "loses_undo": bool(undone)}


def _deleting(instance: Reached, id: str) -> dict[str, Any]:
    return {"point": point_of(instance, id).summary, "plan": deletion_of(instance, id)}
