"""Backup points of instances: listed, made, gone back to, deleted. Changes are operations."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Response
from fastapi.encoders import jsonable_encoder
from starlette.convertors import StringConvertor, register_url_convertor

from lifebuoy.accounts.model import Identity, Permission
from lifebuoy.api import backup_models, models
from lifebuoy.api.actions import ACTS, Key, accepted, caller
from lifebuoy.api.authorisation import Who, needs
from lifebuoy.api.reaching import Instance, Reached, name_of
from lifebuoy.api.state import Server
from lifebuoy.errors import BadInput, Forbidden, PointNotFound
from lifebuoy.hypervisor import Host
from lifebuoy.operations import backup_delete, backup_list, backup_needs, shapes
from lifebuoy.operations.backup_copy import CopyRequest
from lifebuoy.operations.backup_create import CreateRequest
from lifebuoy.operations.backup_delete import DeleteRequest, Deletion
from lifebuoy.operations.backup_list import InstanceBackups, PointDetails
from lifebuoy.operations.backup_quota import allowed
from lifebuoy.operations.backup_restore import RestoreRequest
from lifebuoy.operations.backup_site import Site
from lifebuoy.operations.daemon import daemon_of
from lifebuoy.operations.listing import Listed, heard

every = APIRouter(tags=["backup points"])
router = APIRouter(prefix="/instances/{host}/{uuid}/backups", tags=["backup points"])


class _Point(StringConvertor):
    """The ids of points, so that no other word of a path is taken for one."""

    regex = "[0-9a-f]{8,32}"


register_url_convertor("backup_point", _Point())
PointPath = Annotated[
    str, Path(pattern=r"^[0-9a-f]{8,32}$", description="The whole id of a backup point.")
]
_READS: Final = needs(Permission.READ, HTTPStatus.NOT_FOUND, HTTPStatus.BAD_GATEWAY)


@every.get("/backups", **needs(Permission.READ))
def list_every_backup(server: Server, who: Who) -> backup_models.EveryBackups:
    """The backup points of all instances that the caller may see, by instance."""
    return backup_models.EveryBackups.model_validate(shapes.backups(all_of(server, who)))


@router.get("", **_READS)
def list_backups(instance: Instance) -> backup_models.Backups:
    """The backup points of an instance with what each takes, the oldest first."""
    shape = shapes.backups_of(name_of(instance.host), backups_of(instance))
    return backup_models.Backups.model_validate(shape)


@router.get("/needs", **_READS)
def tell_needs(instance: Instance) -> backup_models.Needs:
    """What a new point would need, and what stands in its way."""
    found = backup_needs.needs(instance.context, instance.uuid)
    return backup_models.Needs.model_validate(shapes.backup_needs(found))


@router.get("/{id:backup_point}", **_READS)
def show_backup(instance: Instance, id: PointPath) -> backup_models.PointDetails:
    """A backup point: what it is made of, and what it depends on."""
    shape = jsonable_encoder(shapes.backup_point(point_of(instance, id)))
    return backup_models.PointDetails.model_validate(shape)


@router.get("/{id:backup_point}/deletion", **_READS)
def plan_deletion(instance: Instance, id: PointPath) -> backup_models.Deletion:
    """What deleting a backup point would do."""
    found = point_of(instance, id).summary
    shape = shapes.deletion(found.instance, id, deletion_of(instance, id))
    return backup_models.Deletion.model_validate(jsonable_encoder(shape))


@router.post("", **ACTS)
def create_backup(
    server: Server,
    who: Who,
    instance: Instance,
    response: Response,
    body: backup_models.CreateBackup,
    key: Key = "",
) -> models.Operation:
    """Make a backup point of a stopped instance, or copy its disks while it runs."""
    asked = create_request(who, body)
    made = server.desk.backup(instance.context, instance.uuid, asked, caller(who, key))
    return accepted(server, response, made)


@router.post("/undo", **ACTS)
def undo_restore(
    server: Server, who: Who, instance: Instance, response: Response, key: Key = ""
) -> models.Operation:
    """Undo the last restore; asked again, it is done again."""
    asked = RestoreRequest()
    made = server.desk.backup(instance.context, instance.uuid, asked, caller(who, key))
    return accepted(server, response, made)


@router.post("/tidy", **ACTS)
def tidy_backups(
    server: Server,
    who: Who,
    instance: Instance,
    response: Response,
    body: backup_models.Tidy,
    key: Key = "",
) -> models.Operation:
    """Go on with merging that was cut off, or was left until the instance is stopped."""
    asked = DeleteRequest((), body.later)
    made = server.desk.backup(instance.context, instance.uuid, asked, caller(who, key))
    return accepted(server, response, made)


@router.post("/{id:backup_point}/restore", **ACTS)
def restore_backup(
    server: Server, who: Who, instance: Instance, response: Response, id: PointPath, key: Key = ""
) -> models.Operation:
    """Go back to a backup point. The state before is kept: it can be undone."""
    asked = RestoreRequest(id)
    made = server.desk.backup(instance.context, instance.uuid, asked, caller(who, key))
    return accepted(server, response, made)


@router.delete("/{id:backup_point}", **ACTS)
def delete_backup(
    server: Server,
    who: Who,
    instance: Instance,
    response: Response,
    id: PointPath,
    later: Annotated[
        bool, Query(description="Leave what cannot be merged while the instance runs.")
    ] = False,
    key: Key = "",
) -> models.Operation:
    """Delete a backup point and merge what it alone has kept apart."""
    asked = DeleteRequest((id,), later)
    made = server.desk.backup(instance.context, instance.uuid, asked, caller(who, key))
    return accepted(server, response, made)


def create_request(who: Identity, body: backup_models.CreateBackup) -> CreateRequest | CopyRequest:
    """What the operation is asked for.

    Raises:
        BadInput: a pool without a copy.
        Forbidden: an owner names a pool: what he was given is his instance, not the host's storage.
    """
    if not body.copied and body.pool:
        raise BadInput("a pool is where copies go", hint="ask for a copy, or leave it away")
    if body.pool and who.instances is not None:
        raise Forbidden("an owner's copies go beside the disks", hint="leave the pool away")
    if body.copied:
        return CopyRequest(body.name, body.keep, body.pool, body.freeze)
    return CreateRequest(body.name, body.keep)


def all_of(server: Server, who: Identity) -> list[Listed[InstanceBackups]]:
    """What each host has of instances that the caller may see."""

    def question(host: Host) -> list[InstanceBackups]:
        daemon = daemon_of(host)
        return [one for one in backup_list.listing(host) if who.sees(daemon, one.uuid)]

    return [heard(answer) for answer in server.hosts.ask(question)]


def backups_of(instance: Reached) -> InstanceBackups:
    """An instance's points; without any where it has none yet."""
    host = instance.context.host
    name = host.domain(instance.uuid).name
    found = backup_list.listing(host, instance.uuid)
    return found[0] if found else InstanceBackups.none(name, instance.uuid, allowed(host, name))


def point_of(instance: Reached, id: str) -> PointDetails:
    """A point of that instance.

    Raises:
        PointNotFound: it has none of that id; another may.
    """
    host = instance.context.host
    if not any(point.id == id for point in backups_of(instance).points):
        raise PointNotFound("the instance has no such backup point", hint="see their list")
    return backup_list.details(host, id)


def deletion_of(instance: Reached, id: str) -> Deletion:
    """What deleting a point of that instance would do."""
    host = instance.context.host
    site = Site(host, host.domain(instance.uuid))
    return backup_delete.planned(site, site.book(), (id,))
