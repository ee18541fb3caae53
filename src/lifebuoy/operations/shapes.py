"""The documented shapes of what is told: docs/schema. The same from the command line and over HTTP.

Objects of JSON, but for dataclasses and enumerations within, which whoever writes JSON resolves.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from lifebuoy.errors import LifebuoyError, StepFailed
from lifebuoy.model import RunState
from lifebuoy.operations.listing import Listed, rows
from lifebuoy.operations.status import InstanceDetails, InstanceSummary, RescueStatus
from lifebuoy.rescue.access import Access, ssh_words

if TYPE_CHECKING:  # most commands do not load the database
    from lifebuoy.operations.history import Account
    from lifebuoy.store.records import Record

Shape = dict[str, Any]


def instances(listed: list[Listed[InstanceSummary]]) -> Shape:
    """docs/schema/instance-list.json."""
    return {
        "instances": [summary(host, instance) for host, instance in rows(listed)],
        "hosts": hosts(listed),
    }


def summary(host: str, found: InstanceSummary) -> Shape:
    """One of docs/schema/instance-list.json."""
    return {"host": host, **asdict(found)}


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
