"""The documented shapes of what is told: docs/schema. The same from the command line and over HTTP.

Objects of JSON, but for dataclasses and enumerations within, which whoever writes JSON resolves.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lifebuoy.errors import LifebuoyError, StepFailed
from lifebuoy.measures import age_s
from lifebuoy.model import RunState
from lifebuoy.operations.listing import Listed, rows
from lifebuoy.operations.status import InstanceDetails, InstanceSummary, RescueStatus
from lifebuoy.rescue.access import Access, ssh_words

if TYPE_CHECKING:  # most commands do not load the database
    from lifebuoy.image import Image
    from lifebuoy.operations.backup_delete import Deletion
    from lifebuoy.operations.backup_list import InstanceBackups, PointDetails, PointSummary
    from lifebuoy.operations.backup_needs import Need, Needs
    from lifebuoy.operations.history import Account
    from lifebuoy.store.records import Record

Shape = dict[str, Any]
_SUMMARY: Final = tuple(field.name for field in fields(InstanceSummary))


def instances(listed: list[Listed[InstanceSummary]]) -> Shape:
    """docs/schema/instance-list.json."""
    return {
        "instances": [summary(host, instance) for host, instance in rows(listed)],
        "hosts": hosts(listed),
    }


def summary(host: str, found: InstanceSummary) -> Shape:
    """One of docs/schema/instance-list.json."""
    # not asdict(), which copies what lies deeper: here nothing does, and lists are long
    return {"host": host, **{name: getattr(found, name) for name in _SUMMARY}}


def hosts(listed: Iterable[Listed[Any]]) -> list[Shape]:
    """Which hosts were asked, and what became of it."""
    return [
        {
            "name": one.host,
            "uri": one.uri,
            "answered": one.error is None,
            "error": {"code": one.error.code, "message": one.error.message} if one.error else None,
            "instances": len(one.instances),
        }
        for one in listed
    ]


def instance(result: InstanceDetails) -> Shape:
    """docs/schema/instance.json, without its host."""
    traits = result.traits
    stay = result.rescue
    return {
        **asdict(result.summary),
        "persistent": result.persistent,
        "saved": result.saved,
        "snapshots": result.snapshots,
        "vcpus": result.vcpus,
        "acceleration": traits.virt_type,
        "arch": traits.arch,
        "machine": traits.machine,
        "firmware": {
            "type": "uefi" if traits.uefi else "bios",
            "secure_boot": traits.secure_boot,
            "nvram": traits.nvram,
        },
        "tpm": traits.has_tpm,
        "disks": result.disks,
        "interfaces": result.interfaces,
        "addresses": result.addresses,
        "graphics": result.graphics,
        "screens": traits.graphics,
        "serial": traits.has_serial,
        "serial_log": traits.serial_log,
        "possible": result.possible,
        "rescue": rescue(stay) if stay else None,
    }


def rescue(result: RescueStatus) -> Shape:
    """docs/schema/rescue-status.json."""
    return {
        "instance": result.name,
        "state": result.state,
        "run_state": result.run_state,
        "session": result.session,
        "since": result.since,
        "image": result.image,
        "before": {
            "run_state": RunState.RUNNING if result.was_running else RunState.STOPPED,
            "autostart": result.autostart,
        },
        "seed_removed": result.seed_removed,
        "working": result.working,
        "edits": list(result.edits),
        "access": access(result.access),
    }


def access(found: Access) -> Shape:
    """docs/schema/access.json."""
    words = ssh_words(found)
    return {
        "user": found.user,
        "ssh_host": found.ssh_host,
        "ssh_port": found.ssh_port,
        "ssh_command": shlex.join(words) if words else None,
        "via": found.via.destination if found.via else None,
        "host_key": found.host_key,
        "fingerprint": found.fingerprint,
        "vnc": found.vnc,
        "serial": found.serial,
        "obstacle": found.obstacle,
    }


def backups(listed: list[Listed[InstanceBackups]]) -> Shape:
    """docs/schema/backup-list.json."""
    return {
        "instances": [backups_of(host, one) for host, one in rows(listed)],
        "hosts": hosts(listed),
    }


def backups_of(host: str, found: InstanceBackups) -> Shape:
    """The backup points of an instance, as one of docs/schema/backup-list.json."""
    facts = {key: value for key, value in asdict(found).items() if key != "points"}
    return {"host": host, **facts, "points": [_point(point) for point in found.points]}


def backup_point(found: PointDetails) -> Shape:
    """docs/schema/backup-show.json."""
    return {
        **_point(found.summary),
        "instance": found.summary.instance,
        "uuid": found.summary.uuid,
        "files": found.files,
        "nvram": found.has_nvram,
        "definition": found.definition,
    }


def deletion(instance: str, point: str, plan: Deletion) -> Shape:
    """docs/schema/backup-dry-run.json."""
    return {
        "dry_run": True,
        "instance": instance,
        "id": point,
        "merges": plan.merges,
        "loses_undo": plan.loses_undo,
        "definition_as_before": plan.definition_as_before,
    }


def backup_needs(found: Needs) -> Shape:
    """docs/schema/backup-needs.json."""
    return {
        "frozen": _need(found.frozen),
        "copy": _need(found.copy),
        "free_bytes": found.free_bytes,
    }


def _need(found: Need) -> Shape:
    return {"bytes": found.bytes, "refusal": error(found.refusal) if found.refusal else None}


def _point(point: PointSummary) -> Shape:
    return {
        "id": point.id,
        "name": point.name,
        "kind": point.kind,
        "created": point.created,
        "age_s": age_s(point.created),
        "size_bytes": point.size_bytes,
        "depends": point.depends,
        "current": point.current,
    }


def image(found: Image) -> Shape:
    """The image of docs/schema/image.json."""
    return {
        "id": found.id,
        "name": found.name,
        "kind": found.kind,
        "path": "" if found.path == Path() else found.path,
        "sha256": found.sha256,
        "size_bytes": found.size_bytes,
        "arch": found.arch,
        "min_memory_mib": found.min_memory_mib,
        "default": found.is_default,
        "current": found.is_current,
    }


def operation(record: Record) -> Shape:
    """One of docs/schema/operation-list.json."""
    return {
        "id": record.id,
        "kind": record.kind,
        "instance": record.name,
        "uuid": record.instance,
        "host": record.host,
        "who": record.who,
        "state": record.standing,
        "created": record.created,
        "started": record.started,
        "finished": record.finished,
        "attempts": record.attempts,
        "cancel_requested_by": record.cancel_requested,
        "no_way_back": record.onward,
        "progress": None
        if record.progress is None
        else {"done": record.progress[0], "total": record.progress[1]},
        "error": record.error,
        "result": record.result,
    }


def account(found: Account) -> Shape:
    """The operation of docs/schema/operation.json."""
    return operation(found.record) | {
        "steps": list(found.steps),
        "to_come": list(found.to_come),
    }


def error(found: LifebuoyError) -> Shape:
    """The error of docs/schema/error.json."""
    facts: Shape = {
        "code": found.code,
        "message": found.message,
        "safe": found.safe,
        "hint": found.hint,
        "exit_status": found.exit_status,
        "step": None,
        "cause": None,
    }
    if isinstance(found, StepFailed):
        facts |= {"step": found.step, "cause": found.cause.code}
    return facts
