"""Consoles of instances: who may open one now, whether that is still so, and what the audit log
says. No operation on record: nothing of the instance is changed here.
"""

from __future__ import annotations

from datetime import UTC, datetime

from lifebuoy.console import channel
from lifebuoy.console.ending import Ending
from lifebuoy.console.kind import ConsoleKind
from lifebuoy.console.tickets import Admission
from lifebuoy.errors import InstanceNotFound, NotAllowed, Refused
from lifebuoy.hypervisor import Domain, Host
from lifebuoy.model import Action
from lifebuoy.operations.daemon import daemon_of
from lifebuoy.operations.status import require_allowed
from lifebuoy.rescue import record
from lifebuoy.rescue.traits import inspect
from lifebuoy.store import Database, audit
from lifebuoy.store.audit import Entry
from lifebuoy.store.tables import Happening
from lifebuoy.store.times import stamp


def admit(
    host: Host, uuid: str, kind: ConsoleKind, account: str, bearer: str, *, force: bool
) -> Admission:
    """What a ticket may be given for.

    Raises:
        InstanceNotFound: there is no such instance.
        NotAllowed: not in its state.
        Refused: it has no such console.
    """
    domain = require_allowed(host, uuid, Action.CONSOLE)
    if kind is ConsoleKind.VNC:
        channel.screen_of(domain)
    elif not inspect(domain.xml(live=True)).has_serial:
        raise Refused(f"'{domain.name}' has no serial port", hint="use its screen")
    return Admission(
        kind=kind,
        host=host.given_name,
        called=host.name,
        daemon=daemon_of(host),
        uuid=uuid,
        name=domain.name,
        account=account,
        bearer=bearer,
        force=force,
        in_rescue=record.read(domain) is not None,
    )


def allowed(host: Host, admission: Admission) -> Domain:
    """The instance, if the console may still be open.

    Raises:
        NotAllowed: it is in another state than when it was admitted to.
    """
    domain = require_allowed(host, admission.uuid, Action.CONSOLE)
    if (record.read(domain) is not None) is not admission.in_rescue:
        raise NotAllowed(f"'{domain.name}' is in another state by now", safe="")
    return domain


def ending(host: Host, admission: Admission) -> Ending | None:
    """Why the instance ends the console; None if it does not."""
    try:
        allowed(host, admission)
    except (NotAllowed, InstanceNotFound):
        return Ending.STOPPED
    return None


def note_opened(database: Database, admission: Admission, address: str) -> None:
    """Write into the audit log that one is opened."""
    words = "taken over, " if admission.force else ""
    _note(database, admission, Happening.CONSOLE_OPENED, "", f"{words}from {address}")


def note_closed(database: Database, admission: Admission, why: Ending, seconds: float) -> None:
    """Write into the audit log that it has ended, why, and after how long."""
    _note(database, admission, Happening.CONSOLE_CLOSED, why.value, f"after {seconds:.0f} s")


def _note(
    database: Database, admission: Admission, event: Happening, code: str, detail: str
) -> None:
    entry = Entry(
        stamp(datetime.now(UTC)),
        admission.account,
        event,
        admission.kind.value,
        admission.called,
        admission.uuid,
        admission.name,
        code=code,
        detail=detail,
    )
    with database.writing() as connection:
        audit.add(connection, entry)
