"""``lifebuoy events``: what others did to the instances, as libvirt shows it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Annotated

import typer

from lifebuoy.cli import durable, options, output
from lifebuoy.cli.session import Session, of
from lifebuoy.hosts.fleet import Fleet
from lifebuoy.operations.context import Context
from lifebuoy.operations.daemon import daemon_of

if TYPE_CHECKING:
    from lifebuoy.store import Database
    from lifebuoy.store.audit import Entry


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "events",
        epilog="Examples:\n\n$ lifebuoy events\n\n$ lifebuoy events web1 --follow",
    )(events)


def events(
    context: typer.Context,
    name: options.OnlyName = None,
    follow: Annotated[
        bool, options.flag("--follow", "-f", help="Go on until Ctrl-C, as things happen.")
    ] = False,
    json: Annotated[
        bool, options.flag("--json", help="JSON lines, as of the audit log (docs/json.md).")
    ] = False,
) -> None:
    """Tell what others did to instances: started, stopped, edited, defined, removed.

    The hosts are compared with what was seen of them last, by this command or by a worker. What
    operations on record did is no news. All of it is in the audit log, too.
    """
    session = of(context)
    session.require_here(
        "the server watches its hosts itself", "what it saw is in the log: lifebuoy audit"
    )
    database = durable.database(session)
    wanted = session.plain(name) if name else None

    def tell(entry: Entry) -> None:
        if wanted in {None, entry.name, entry.instance}:
            _print(entry, as_json=json)

    with _hosts(session) as contexts:
        found = _look(database, contexts, tell)
        if follow:
            _follow(database, contexts, tell)
    if not found and not follow and not json:
        output.note("Nothing that was not done by an operation on record.")


@contextmanager
def _hosts(session: Session) -> Iterator[dict[str, Context]]:
    """The connected hosts, by which libvirt they are."""
    if not session.many:
        with session.context() as context:
            yield {daemon_of(context.host): context}
        return
    with session.fleet() as fleet:
        yield _connected(session, fleet)


def _connected(session: Session, fleet: Fleet) -> dict[str, Context]:
    found: dict[str, Context] = {}
    for answer in fleet.ask(lambda host: (daemon_of(host), host)):
        if answer.value is None:
            output.note(f"{answer.place.name} did not answer: {answer.error}")
        else:
            daemon, host = answer.value
            found[daemon] = session.context_of(host)
    return found


def _look(database: Database, contexts: dict[str, Context], tell: Callable[[Entry], None]) -> int:
    from lifebuoy.operations import observing

    entries = [
        entry for there in contexts.values() for entry in observing.look(database, there.host)
    ]
    for entry in entries:
        tell(entry)
    return len(entries)


def _follow(
    database: Database, contexts: dict[str, Context], tell: Callable[[Entry], None]
) -> None:
    from lifebuoy.operations.watching import Watcher

    watcher = Watcher(database, lambda: contexts, tell)
    watcher.start()
    try:
        with suppress(KeyboardInterrupt):  # that is how it ends
            while True:
                threading.Event().wait(3600)
    finally:
        watcher.stop()


def _print(entry: Entry, *, as_json: bool) -> None:
    if as_json:
        line = output.json_line(entry)
    else:
        line = output.clean(f"{entry.time[:19]}Z {entry.host}/{entry.name}: {entry.detail}") + "\n"
    sys.stdout.write(line)
    sys.stdout.flush()
