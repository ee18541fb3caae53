"""What a face that does not wait asks for: checked at once, written down, done by the worker here.

The command line waits and talks to its user in between; a server answers with the operation's
record, and tells how it gets on to whoever looks. Both make the same requests of the same checks.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from lifebuoy.backup.book import Quota
from lifebuoy.errors import InstanceNotFound, KeyReused, LifebuoyError
from lifebuoy.expiry import USUAL, ExpiryRules, RenewRequest
from lifebuoy.hypervisor import Domain
from lifebuoy.model import Action
from lifebuoy.operations import asking, backup_quota, history, power, renewing, status
from lifebuoy.operations.asking import Asker
from lifebuoy.operations.backup_asking import BackupRequest, kind_of
from lifebuoy.operations.backup_needs import require_possible
from lifebuoy.operations.checkups import Checkups
from lifebuoy.operations.context import Context
from lifebuoy.operations.daemon import daemon_of
from lifebuoy.operations.engine import Engine
from lifebuoy.operations.enter import ENTER, Secrets
from lifebuoy.operations.enter import packed as packed_enter
from lifebuoy.operations.leave import LEAVE, LeaveRequest
from lifebuoy.operations.leave import check as check_leave
from lifebuoy.operations.leave import packed as packed_leave
from lifebuoy.operations.operation import JsonObject, Kind
from lifebuoy.operations.password import PASSWORD
from lifebuoy.operations.password import Secret as PasswordSecret
from lifebuoy.operations.plan import EnterRequest, plan
from lifebuoy.operations.power import StopRequest
from lifebuoy.operations.renewing import Renewal
from lifebuoy.operations.repair import REPAIR, RepairRequest, Secret, UndoRequest, doctor_of
from lifebuoy.operations.repair import UNDO as REPAIR_UNDO
from lifebuoy.operations.repair import packed as packed_repair
from lifebuoy.operations.serving import Worker
from lifebuoy.policy import check_password
from lifebuoy.store import Database, asked, audit
from lifebuoy.store.asked import Asked
from lifebuoy.store.audit import Entry
from lifebuoy.store.records import Record
from lifebuoy.store.tables import Happening
from lifebuoy.store.times import stamp


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. ``key`` is the idempotency key of the request, empty where it has none."""

    account: str
    who: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class Desk:
    """Where operations are asked for in a process that is also a worker."""

    engine: Engine
    worker: Worker
    checkups: Checkups = field(default_factory=Checkups)
    expiry: ExpiryRules = USUAL

    @property
    def database(self) -> Database:
        """The database of operations."""
        return self.engine.database

    def start(self, context: Context, uuid: str, caller: Caller, *, watch_s: float = 0.0) -> Record:
        """Start a stopped instance; with ``watch_s`` its boot is watched for so long.

        Raises:
            NotAllowed: not in its state.
            Expired: its time is over.
            Busy: somebody is at work on it.
        """

        def check() -> None:
            status.require_allowed(context.host, uuid, Action.START)
            renewing.require_may_start(self.database, context, uuid, self.expiry)

        return self._submit(context, uuid, power.START, {"watch_s": watch_s}, caller, check)

    def stop(self, context: Context, request: StopRequest, caller: Caller) -> Record:
        """Stop a running instance.

        Raises:
            NotAllowed, ConsentNeeded, Refused, BadInput: see ``power.check_stop``.
            Busy: somebody is at work on it.
        """

        def check() -> None:
            power.check_stop(context, request)

        packed = power.packed(request)
        return self._submit(context, request.name, power.STOP, packed, caller, check)

    def reboot(self, context: Context, uuid: str, caller: Caller) -> Record:
        """Ask a running instance to reboot.

        Raises:
            NotAllowed: not in its state.
            Busy: somebody is at work on it.
        """

        def check() -> None:
            status.require_allowed(context.host, uuid, Action.REBOOT)

        return self._submit(context, uuid, power.REBOOT, {}, caller, check)

    def leave(self, context: Context, request: LeaveRequest, caller: Caller) -> Record:
        """Bring an instance out of rescue mode.

        Raises:
            NotAllowed: it is not in it.
            DefinitionChanged: somebody edited the definition, and must say what becomes of it.
            Busy: somebody is at work on it.
        """

        def check() -> None:
            check_leave(context, request)

        return self._submit(context, request.name, LEAVE, packed_leave(request), caller, check)

    def enter(self, context: Context, request: EnterRequest, caller: Caller) -> Record:
        """Bring an instance into rescue mode, in this process: it alone knows the password.

        Raises:
            LifebuoyError: see ``plan.plan``; nothing was touched.
            Busy: somebody is at work on it.
        """
        packed = packed_enter(request)

        def ask(note: asking.Note) -> Record:
            domain = own(context, request.name)
            secrets = Secrets.of(request, plan(context, request))
            return self._begin(context, ENTER, domain, packed, secrets, caller, note)

        return self._once(caller, ENTER, request.name, packed, ask)

    def renew(self, context: Context, uuid: str, request: RenewRequest, caller: Caller) -> Renewal:
        """Give an instance another end of its time; done when this comes back.

        Raises:
            BadInput: that is no date to come.
            KeyReused: another request came with its key.
        """
        own(context, uuid)
        what = _hash(json.dumps(["renew", uuid, asdict(request)], sort_keys=True))

        def note(connection: sa.Connection) -> None:
            if not caller.key:
                return
            if (found := _find(connection, caller)) is not None:
                raise _CameBefore(found)
            put = Asked(what, "")
            asked.put(connection, caller.account, _hash(caller.key), put, datetime.now(UTC))

        try:
            return renewing.renew(self.database, context, uuid, request, caller.who, note)
        except _CameBefore as error:
            if error.found.request != what:
                raise _key_reused() from None
            end = renewing.end_of(self.database, daemon_of(context.host), uuid)
            return Renewal(own(context, uuid).name, end, end)

    def backup(self, context: Context, uuid: str, request: BackupRequest, caller: Caller) -> Record:
        """Make a backup point of an instance, go back to one, undo that, delete some, merge.

        Raises:
            LifebuoyError: what the operation refuses; nothing was touched.
            Busy: somebody is at work on it.
        """
        kind, packed = kind_of(request), asdict(request)

        def check() -> None:
            require_possible(context, uuid, kind, packed)

        return self._submit(context, uuid, kind, packed, caller, check)

    def set_quota(
        self,
        context: Context,
        uuid: str,
        points: int | None,
        size_bytes: int | None,
        caller: Caller,
    ) -> Quota:
        """Set what an instance's backup points may come to, done when this comes back; None leaves
        as it is, 0 is without a limit.

        Raises:
            Busy: somebody is at work on it.
        """
        domain = own(context, uuid)
        quota = backup_quota.allow(context.host, uuid, points, size_bytes)
        detail = f"{quota.points or 'any number of'} points, {quota.bytes or 'any amount of'} bytes"
        where = context.host.name, uuid, domain.name
        time, event = stamp(datetime.now(UTC)), Happening.QUOTA_SET
        line = Entry(time, caller.who, event, "backup-quota", *where, detail=detail)
        with self.database.writing() as connection:
            audit.add(connection, line)
        return quota

    def set_password(self, context: Context, uuid: str, password: str, caller: Caller) -> Record:
        """Set root's password in the rescue system, in this process: it alone knows it.

        Raises:
            PasswordRefused: it breaks the rule.
            NotAllowed: the instance is not in rescue mode.
            AgentUnavailable: the rescue system does not answer.
            Busy: somebody is at work on it.
        """
        check_password(password)

        def ask(note: asking.Note) -> Record:
            domain = own(context, uuid)
            require_possible(context, uuid, PASSWORD, {})
            secret = PasswordSecret(password)
            return self._begin(context, PASSWORD, domain, {}, secret, caller, note)

        return self._once(caller, PASSWORD, uuid, {}, ask)

    def repair(
        self,
        context: Context,
        uuid: str,
        request: RepairRequest | UndoRequest,
        passphrase: bytes,
        caller: Caller,
    ) -> Record:
        """Mend what the doctor finds, or take the last repair back; with a passphrase in this
        process, as it alone knows it.

        Raises:
            NotAllowed: the instance is not in rescue mode.
            AgentUnavailable: the rescue system does not answer.
            Busy: somebody is at work on it.
        """
        kind: Kind[Any] = REPAIR if isinstance(request, RepairRequest) else REPAIR_UNDO
        packed = packed_repair(request)

        def check() -> None:
            doctor_of(own(context, uuid), Action.REPAIR)

        if not request.encrypted:
            return self._submit(context, uuid, kind, packed, caller, check)

        def ask(note: asking.Note) -> Record:
            check()
            domain, secret = own(context, uuid), Secret(passphrase)
            return self._begin(context, kind, domain, packed, secret, caller, note)

        return self._once(caller, kind, uuid, packed, ask)

    def _begin(
        self,
        context: Context,
        kind: Kind[Any],
        domain: Domain,
        request: JsonObject,
        secrets: object,
        caller: Caller,
        note: asking.Note,
    ) -> Record:
        """Begin it in this process: it alone knows the secrets."""
        record, task = asking.begin(
            self.engine, context, kind, domain, request, Asker(caller.who), secrets, note
        )
        self.worker.look_after(record, task)
        return record

    def _submit(
        self,
        context: Context,
        uuid: str,
        kind: Kind[Any],
        request: JsonObject,
        caller: Caller,
        check: Callable[[], None],
    ) -> Record:
        """Leave it to the worker; what a dead process left is closed where this makes up for it,
        and else finished by the worker."""

        def ask(note: asking.Note) -> Record:
            domain = own(context, uuid)
            check()
            asking.close_replaced(self.engine, context, kind, domain, caller.who)
            return asking.submit(self.database, context, kind, domain, request, caller.who, note)

        return self._once(caller, kind, uuid, request, ask)

    def _once(
        self,
        caller: Caller,
        kind: Kind[Any],
        uuid: str,
        request: JsonObject,
        ask: Callable[[asking.Note], Record],
    ) -> Record:
        """Ask, unless the same request came before: then what that led to.

        Raises:
            KeyReused: another request came with its key.
        """
        if not caller.key:
            return ask(asking.unnoted)
        what = _fingerprint(kind, uuid, request)
        with self.database.reading() as connection:
            found = _find(connection, caller)
        if found is None:

            def note(connection: sa.Connection, record: Record) -> None:
                if (other := _find(connection, caller)) is not None:
                    raise _CameBefore(other)
                asked.put(
                    connection,
                    caller.account,
                    _hash(caller.key),
                    Asked(what, record.id),
                    datetime.now(UTC),
                )

            try:
                return ask(note)
            except _CameBefore as error:
                found = error.found
            except LifebuoyError:  # perhaps by what this very request led to a moment ago
                with self.database.reading() as connection:
                    found = _find(connection, caller)
                if found is None:
                    raise
        if found.request != what:
            raise _key_reused()
        return history.account(self.database, found.operation).record


class _CameBefore(Exception):
    """The same request was written down a moment ago."""

    def __init__(self, found: Asked) -> None:
        super().__init__(found.operation)
        self.found = found


def _find(connection: sa.Connection, caller: Caller) -> Asked | None:
    return asked.find(connection, caller.account, _hash(caller.key), datetime.now(UTC))


def own(context: Context, uuid: str) -> Domain:
    """The instance of that UUID; never one that is merely called so.

    Raises:
        InstanceNotFound: the host has none.
    """
    domain = context.host.with_uuid(uuid)
    if domain is None:
        raise InstanceNotFound("there is no such instance", hint="see the list of instances")
    return domain


def _key_reused() -> KeyReused:
    return KeyReused(
        "this Idempotency-Key came before, with another request",
        hint="use a new one for each request",
    )


def _fingerprint(kind: Kind[Any], uuid: str, request: JsonObject) -> str:
    """Of what is asked; secrets are no part of it, as they are no part of a request on record."""
    return _hash(json.dumps([kind.name, uuid, request], sort_keys=True))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
