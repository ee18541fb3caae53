"""Backup points as a server tells of them, and the one that is meant by the beginning of its id."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from lifebuoy.backup.book import ChangeKind, PointKind, Quota
from lifebuoy.client import shapes
from lifebuoy.client.server import Found, Server
from lifebuoy.client.shapes import understood
from lifebuoy.errors import AmbiguousInstance, HostTrouble, LifebuoyError, PointNotFound
from lifebuoy.hypervisor import Progress
from lifebuoy.operations.backup_delete import Deletion, PlannedMerge
from lifebuoy.operations.backup_list import (
    InstanceBackups,
    PointDetails,
    PointFile,
    PointSummary,
    require_long,
)
from lifebuoy.operations.backup_verify import Verification, Verified
from lifebuoy.operations.failures import restored
from lifebuoy.operations.listing import Listed

_AGAIN_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class At:
    """A backup point, and the instance that has it."""

    id: str
    instance: Found

    @property
    def path(self) -> str:
        """Where it is in the REST API."""
        return f"{self.instance.path}/backups/{self.id}"


def listed(server: Server) -> list[Listed[InstanceBackups]]:
    """What each host has."""
    told = server.link.get("/backups")
    with understood():
        return [
            Listed(
                host["name"],
                host["uri"],
                tuple(_of(one) for one in told["instances"] if one["host"] == host["name"]),
                shapes.host_error(host),
                0.0,
            )
            for host in told["hosts"]
        ]


def of_instance(server: Server, found: Found) -> list[Listed[InstanceBackups]]:
    """What one instance has; nothing where nothing is to be told of it."""
    with understood():
        backups = _of(server.link.get(f"{found.path}/backups"))
    told = bool(backups.points or backups.pending or backups.merges or backups.undo_of)
    return [Listed(found.host, found.uri, (backups,) if told else (), None, 0.0)]


def find(server: Server, ref: str) -> At:
    """The point whose id is, or begins with, ``ref``, which is ID or HOST/ID.

    Raises:
        PointNotFound: no host that answers has it.
        AmbiguousInstance: not surely one.
        BadInput: too short to mean anything.
    """
    every = listed(server)
    host, slash, id_ = ref.partition("/")
    if not slash or host not in {one.host for one in every}:
        host, id_ = "", ref
    require_long(id_)
    asked = [one for one in every if host in {"", one.host}]
    there = [
        (one.host, backups, point.id)
        for one in asked
        for backups in one.instances
        for point in backups.points
        if point.id.startswith(id_)
    ]
    silent = [one.name for one in asked if one.error]
    words = f"; {', '.join(silent)} did not answer" if silent else ""
    if len(asked) == 1 and len(there) != 1:
        raise _not_one(id_, asked[0], [one for _, _, one in there])
    if not there:
        raise PointNotFound(f"no backup point '{id_}'{words}", hint="lifebuoy backup list")
    if len(there) > 1 or (silent and there[0][2] != id_):
        ids = [f"{where}/{one}" if where else one for where, _, one in there]
        raise AmbiguousInstance(
            f"which backup point begins with '{id_}' is not sure{words}",
            hint="say which one: " + " or ".join(ids),
        )
    where, backups, whole = there[0]
    chosen = where if host or len(every) > 1 else ""
    return At(whole, Found(where, backups.uuid, backups.instance, backups.instance, chosen))


def _not_one(id_: str, host: Listed[InstanceBackups], there: list[str]) -> LifebuoyError:
    """Why one host has not surely that point."""
    if host.error:
        return host.error
    if there:
        return PointNotFound(
            f"several backup points begin with '{id_}'", hint="say more of it: " + ", ".join(there)
        )
    return PointNotFound(f"no backup point '{id_}' on {host.uri}", hint="lifebuoy backup list")


def details(server: Server, at: At) -> PointDetails:
    """All about a point."""
    told = server.link.get(at.path)
    with understood():
        summary = _point(told, told["instance"], told["uuid"])
        files = tuple(PointFile(**one) for one in told["files"])
        return PointDetails(summary, files, told["nvram"], told["definition"])


def deletion(server: Server, at: At) -> Deletion:
    """What deleting a point would do."""
    told = server.link.get(f"{at.path}/deletion")
    with understood():
        merges = tuple(
            PlannedMerge(
                ChangeKind(one["kind"]),
                tuple(one["files"]),
                tuple(one["into"]),
                one["bytes"],
                one["stopped_only"],
            )
            for one in told["merges"]
        )
        return Deletion(merges, told["loses_undo"], told["definition_as_before"])


def verification(server: Server, at: At, progress: Progress) -> Verification:
    """What a verification of a point finds, which the server makes now.

    Raises:
        LifebuoyError: it came to nothing.
    """
    path = f"{at.path}/verify"
    told = server.link.send("POST", path)
    with understood():
        while told["under_way"]:
            progress(told["done_bytes"], told["total_bytes"])
            time.sleep(_AGAIN_S)
            told = server.link.get(path)
        if told["error"] is not None:
            raise restored({"hint": "", "safe": "Nothing was changed.", **told["error"]})
        if told["ok"] is None:
            raise HostTrouble("the server was restarted meanwhile", hint="ask again")
        files = tuple(
            Verified(one["disk"], one["path"], one["how"], one["problem"]) for one in told["files"]
        )
        return Verification(told["id"], told["instance"], files)


def quota(server: Server, found: Found, points: int | None, size_bytes: int | None) -> Quota:
    """What the points of an instance may come to, once it is set, where one of both is given."""
    path = f"{found.path}/backups/quota"
    if points is None and size_bytes is None:
        told = server.link.get(path)
    else:
        told = server.link.send("PATCH", path, {"points": points, "bytes": size_bytes})
    with understood():
        return Quota(told["points"], told["bytes"])


def _of(told: Mapping[str, Any]) -> InstanceBackups:
    instance, uuid = told["instance"], told["uuid"]
    return InstanceBackups(
        instance,
        uuid,
        tuple(_point(one, instance, uuid) for one in told["points"]),
        told["size_bytes"],
        told["undo_of"],
        told["pending"],
        told["merges"],
        Quota(**told["quota"]),
    )


def _point(told: Mapping[str, Any], instance: str, uuid: str) -> PointSummary:
    return PointSummary(
        told["id"],
        told["name"],
        instance,
        uuid,
        PointKind(told["kind"]),
        told["created"],
        told["size_bytes"],
        tuple(told["depends"]),
        told["current"],
    )
