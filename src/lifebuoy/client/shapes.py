"""What a server tells, as the objects that it was made of: ``operations/shapes.py`` backwards.

Of a definition's traits only those are known that are told; the others are as if absent.

Every function raises ServerNotUnderstood for what is not of the documented shape.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from lifebuoy.errors import LifebuoyError, ServerNotUnderstood
from lifebuoy.expiry import Expiry
from lifebuoy.hypervisor import Graphics, SshHop
from lifebuoy.model import Action, InstanceState, RunState
from lifebuoy.operations.failures import restored
from lifebuoy.operations.listing import Listed
from lifebuoy.operations.status import InstanceDetails, InstanceSummary, RescueStatus
from lifebuoy.rescue.access import Access
from lifebuoy.rescue.traits import Disk, Interface, Traits


@contextmanager
def understood() -> Iterator[None]:
    """In the block, what is missing or of another kind means that the server is of another version.

    Raises:
        ServerNotUnderstood: it is.
    """
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ServerNotUnderstood(
            f"the server tells this otherwise than this command line knows it ({error})",
            hint="use a command line of the server's version: lifebuoy --version",
        ) from error


def listed(
    host: Mapping[str, Any], instances: tuple[InstanceSummary, ...]
) -> Listed[InstanceSummary]:
    """What one host lists."""
    with understood():
        return Listed(host["name"], host["uri"], instances, host_error(host), 0.0)


def summary(told: Mapping[str, Any]) -> InstanceSummary:
    """One instance of a list."""
    with understood():
        return InstanceSummary(
            name=told["name"],
            uuid=told["uuid"],
            id=told["id"],
            state=InstanceState(told["state"]),
            run_state=RunState(told["run_state"]),
            memory_mib=told["memory_mib"],
            autostart=told["autostart"],
            since=told["since"],
            image=told["image"],
            problem=told["problem"],
            expires=told["expires"],
            expiry=Expiry(told["expiry"]),
        )


def host_error(told: Mapping[str, Any]) -> LifebuoyError | None:
    """Why a host has not answered; None if it has."""
    with understood():
        if told["error"] is None:
            return None
        return restored({"hint": "", "safe": "", "step": "", "cause": None, **told["error"]})


def details(told: Mapping[str, Any]) -> InstanceDetails:
    """All about one instance."""
    with understood():
        return InstanceDetails(
            summary=summary(told),
            persistent=told["persistent"],
            saved=told["saved"],
            snapshots=told["snapshots"],
            vcpus=told["vcpus"],
            traits=_traits(told),
            graphics=tuple(Graphics(**one) for one in told["graphics"]),
            addresses=tuple(told["addresses"]),
            possible=tuple(map(Action, told["possible"])),
            rescue=rescue(told["rescue"]) if told["rescue"] else None,
        )


def rescue(told: Mapping[str, Any]) -> RescueStatus:
    """A stay in rescue mode."""
    with understood():
        return RescueStatus(
            name=told["instance"],
            state=InstanceState(told["state"]),
            run_state=RunState(told["run_state"]),
            session=told["session"],
            since=told["since"],
            image=told["image"],
            was_running=told["before"]["run_state"] == RunState.RUNNING,
            autostart=told["before"]["autostart"],
            seed_removed=told["seed_removed"],
            working=told["working"],
            edits=tuple(told["edits"]),
            access=access(told["access"]),
        )


def access(told: Mapping[str, Any]) -> Access:
    """The ways in, as they are from the server's machine."""
    with understood():
        return Access(
            ssh_host=told["ssh_host"],
            ssh_port=told["ssh_port"],
            host_key=told["host_key"],
            via=hop(told["via"]) if told["via"] else None,
            vnc=told["vnc"],
            serial=told["serial"],
            user=told["user"],
            obstacle=told["obstacle"],
        )


def hop(destination: str) -> SshHop:
    """The host of ``user@host:port``; an IPv6 address stands in brackets."""
    user, _, where = destination.rpartition("@")
    host, colon, port = where.rpartition(":")
    if not colon or not port.isdecimal():
        host, port = where, ""
    return SshHop(host.strip("[]"), user, int(port) if port else None)


def _traits(told: Mapping[str, Any]) -> Traits:
    firmware = told["firmware"]
    return Traits(
        name=told["name"],
        uuid=told["uuid"],
        virt_type=told["acceleration"],
        arch=told["arch"],
        machine=told["machine"],
        os_type="",
        memory_mib=told["memory_mib"],
        current_memory_mib=told["memory_mib"],
        uefi=firmware["type"] == "uefi",
        nvram=firmware["nvram"],
        nvram_template=None,
        secure_boot=firmware["secure_boot"],
        direct_kernel=False,
        disks=tuple(Disk(**one) for one in told["disks"]),
        interfaces=tuple(Interface(**one) for one in told["interfaces"]),
        has_agent_channel=False,
        has_serial=told["serial"],
        serial_log=told["serial_log"],
        graphics=tuple(told["screens"]),
        has_video=False,
        has_tpm=told["tpm"],
        has_watchdog=False,
        has_hostdev=False,
    )
