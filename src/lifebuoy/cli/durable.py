"""Operations on record from the command line: opens the database, shows what is going on.

Where the database cannot be used, what brings an instance back still works: it is done in one go,
not on record, and that is said. The database is loaded where it is used, as most commands do not.
"""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from lifebuoy.cli import progress
from lifebuoy.cli.session import Session
from lifebuoy.errors import DatabaseTrouble, HostTrouble
from lifebuoy.operations.context import Context
from lifebuoy.operations.daemon import daemon_of
from lifebuoy.operations.operation import JsonObject, Kind, OperationT

if TYPE_CHECKING:
    from lifebuoy.operations.asking import Asker
    from lifebuoy.operations.engine import Engine
    from lifebuoy.operations.history import Account
    from lifebuoy.store import Database
    from lifebuoy.store.records import Record


def database(session: Session) -> Database:
    """The database of the settings, its tables made or upgraded.

    Raises:
        BadInput, DatabaseTrouble: see ``store``.
    """
    from lifebuoy.store import schema

    opened = _opened(session)
    schema.prepare(opened)
    return opened


def is_server(session: Session) -> bool:
    """Whether the database is a server, which may be away for a while, and not a file.

    Raises:
        BadInput, DatabaseTrouble: see ``store``.
    """
    return not _opened(session).is_sqlite


def is_there(session: Session) -> bool:
    """Whether there is a database already: a server, or this user's file."""
    return bool(session.settings.database) or (session.state_dir / "lifebuoy.sqlite").exists()


def _opened(session: Session) -> Database:
    session.require_here("the database is that of this machine")
    from lifebuoy.store import default_url, open_database  # a tenth of a second

    return open_database(session.settings.database or default_url(session.state_dir))


@contextmanager
def told_to_webhooks(session: Session, database: Database) -> Iterator[None]:
    """What happens is told to the webhooks of the settings, in the block.

    Raises:
        BadInput: the secret of one cannot be used.
    """
    if not session.settings.webhooks:
        yield
        return
    from lifebuoy.webhooks.delivery import delivering  # loads an HTTP client
    from lifebuoy.webhooks.secrets import hooks_of

    with delivering(database, hooks_of(session.settings.webhooks, os.environ)):
        yield


class OnRecord:
    """The operations of one command; what runs them is loaded when the first one is."""

    def __init__(self, session: Session) -> None:
        self.database = database(session)
        self._settings = session.settings
        self._engine: Engine | None = None

    def clear(self, context: Context, kind: Kind[Any], name: str, *, silent: bool) -> None:
        """Deal with what a dead process left on the instance, before anybody is asked anything.

        Raises:
            Busy: somebody is at work on it.
            LifebuoyError: what was left could not be finished.
        """
        from lifebuoy.store import records

        domain = context.host.domain(name)
        with self.database.reading() as connection:
            daemon = daemon_of(context.host)
            found = records.unfinished(connection, daemons=[daemon], instance=domain.uuid)
        if not found:
            return
        from lifebuoy.operations import asking

        with progress.shown(silent=silent) as view:
            asking.clear(self.engine, context, kind, domain, asker(view))

    def perform(
        self,
        context: Context,
        kind: Kind[OperationT],
        name: str,
        request: JsonObject,
        view: progress.View,
        secret: object | None = None,
    ) -> OperationT:
        """Do an operation and show it; what a dead process left is dealt with first.

        Raises:
            LifebuoyError: see ``operations.asking.perform``.
        """
        from lifebuoy.operations import asking

        domain = context.host.domain(name)
        return asking.perform(self.engine, context, kind, domain, request, asker(view), secret)

    def hand_over(
        self,
        context: Context,
        kind: Kind[Any],
        name: str,
        request: JsonObject,
        view: progress.View,
        secret: object,
        *,
        after: str,
    ) -> Record:
        """Do an operation up to a step, and leave the rest to a worker.

        Raises:
            LifebuoyError: see ``operations.asking.hand_over``.
        """
        from lifebuoy.operations import asking

        domain = context.host.domain(name)
        return asking.hand_over(
            self.engine, context, kind, domain, request, asker(view), secret, after=after
        )

    def account(self, record: Record) -> Account:
        """An operation as it is on record now."""
        from lifebuoy.operations import history

        return history.account(self.database, record.id)

    @property
    def engine(self) -> Engine:
        """What runs operations in this process."""
        return self.start()

    def start(self) -> Engine:
        """Start what runs operations, if it is not yet.

        Raises:
            DatabaseTrouble: the database cannot be used.
        """
        if self._engine is None:
            from lifebuoy.operations.engine import Engine  # loads DBOS: only where it is needed

            self._engine = Engine(
                self.database, retention=self._settings.retention, expiry=self._settings.expiry
            )
        return self._engine

    def close(self) -> None:
        """The process ends now."""
        if self._engine is not None:
            with suppress(DatabaseTrouble):
                self._engine.tidy(others=False)
            self._engine.close(at_exit=True)


@contextmanager
def on_record(session: Session) -> Iterator[OnRecord]:
    """Operations on record, for the rest of this process.

    Raises:
        DatabaseTrouble: the database cannot be used.
    """
    opened = OnRecord(session)
    try:
        yield opened
    finally:
        opened.close()


@contextmanager
def on_record_if_possible(session: Session, *, silent: bool = False) -> Iterator[OnRecord | None]:
    """The same; None, and the user is told, where the database cannot be used."""
    opened = None
    try:
        opened = OnRecord(session)
        opened.start()
    except DatabaseTrouble as error:
        with progress.shown(silent=silent) as view:
            view.note(f"{error.message}.")
            view.note("It is done all the same, but not on record: if it is killed, ask again.")
        opened = None
    try:
        yield opened
    finally:
        if opened is not None:
            opened.close()


def go_on(session: Session, id_: str | None, *, silent: bool) -> list[str]:
    """Go on with what dead processes left behind: all of it, or one; the ids of those.

    Raises:
        LifebuoyError: the host of one cannot be reached, or it did not come to its end.
    """
    from lifebuoy.store import records

    opened = OnRecord(session)
    try:
        with opened.database.reading() as connection:
            found = records.unfinished(connection)
        chosen = [one for one in found if id_ in {None, one.id} and (one.executor or one.attempts)]
        return [one.id for one in chosen if _went_on(session, opened, one, silent=silent)]
    finally:
        opened.close()


def _went_on(session: Session, opened: OnRecord, record: Record, *, silent: bool) -> bool:
    from lifebuoy.operations import asking

    if not asking.is_left(opened.engine, record):
        return False
    there = Session(record.host, session.config_flag)
    with there.context() as context, progress.shown(silent=silent) as view:
        view.note(f"Operation {record.id}: {record.kind} '{record.name}' goes on.")
        if daemon_of(context.host) != record.daemon:
            raise HostTrouble(
                f"'{record.host}' is another libvirt than that of operation {record.id} "
                f"({record.daemon})",
                hint="go on with it where it was begun",
            )
        return asking.go_on(opened.engine, context, record, asker(view))


def who(environment: Mapping[str, str]) -> str:
    """Who asks, for the record: the user, whom sudo names if it is at work, and the machine."""
    user = environment.get("SUDO_USER") or getpass.getuser()
    return f"{user}@{socket.gethostname()}"


def asker(view: progress.View) -> Asker:
    """This user, shown what happens by ``view``."""
    from lifebuoy.operations.asking import Asker

    return Asker(who(os.environ), view, view.upload, view.note)
