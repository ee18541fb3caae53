"""Operations on record from the command line: opens the database, shows what is going on.

Where the database cannot be used, what brings an instance back still works: it is done in one go,
not on record, and that is said.
"""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lifebuoy.cli import output, progress
from lifebuoy.cli.session import Session
from lifebuoy.errors import DatabaseTrouble
from lifebuoy.operations.context import Context
from lifebuoy.operations.daemon import daemon_of
from lifebuoy.operations.operation import JsonObject, Kind, OperationT
from lifebuoy.store import Database, default_url, open_database, records, schema

if TYPE_CHECKING:
    from lifebuoy.operations.asking import Asker
    from lifebuoy.operations.engine import Engine


def database(session: Session) -> Database:
    """The database of the settings, its tables made or upgraded.

    Raises:
        BadInput, DatabaseTrouble: see ``store``.
    """
    opened = open_database(session.settings.database or default_url(session.state_dir))
    schema.prepare(opened)
    return opened


class OnRecord:
    """The operations of one command; what runs them is loaded when the first one is."""

    def __init__(self, session: Session) -> None:
        self._database = database(session)
        self._engine: Engine | None = None

    def clear(self, context: Context, kind: Kind[Any], name: str, *, silent: bool) -> None:
        """Deal with what a dead process left on the instance, before anybody is asked anything.

        Raises:
            Busy: somebody is at work on it.
            LifebuoyError: what was left could not be finished.
        """
        domain = context.host.domain(name)
        with self._database.reading() as connection:
            daemon = daemon_of(context.host)
            found = records.unfinished(connection, daemon=daemon, instance=domain.uuid)
        if not found:
            return
        from lifebuoy.operations import asking

        with progress.shown(silent=silent) as view:
            asking.clear(self.engine, context, kind, domain, _asker(view))

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
        return asking.perform(self.engine, context, kind, domain, request, _asker(view), secret)

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

            self._engine = Engine(self._database)
        return self._engine

    def close(self) -> None:
        """The process ends now."""
        if self._engine is not None:
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
def on_record_if_possible(session: Session) -> Iterator[OnRecord | None]:
    """The same; None, and the user is told, where the database cannot be used."""
    opened = None
    try:
        opened = OnRecord(session)
        opened.start()
    except DatabaseTrouble as error:
        output.note(
            f"{error.message}.",
            "It is done all the same, but not on record: if this process is killed, ask again.",
        )
        opened = None
    try:
        yield opened
    finally:
        if opened is not None:
            opened.close()


def who(environment: Mapping[str, str]) -> str:
    """Who asks, for the record: the user, whom sudo names if it is at work, and the machine."""
    user = environment.get("SUDO_USER") or getpass.getuser()
    return f"{user}@{socket.gethostname()}"


def _asker(view: progress.View) -> Asker:
    from lifebuoy.operations.asking import Asker

    return Asker(who(os.environ), view, view.upload, output.note)
