"""``lifebuoy worker``: a process that works through the operations on record, for many hosts."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from lifebuoy.cli import durable, options, output
from lifebuoy.cli.complete import host_names
from lifebuoy.cli.served import Hosts
from lifebuoy.cli.session import Session, of
from lifebuoy.errors import BadInput, DatabaseNewer, DatabaseTrouble

if TYPE_CHECKING:
    from lifebuoy.operations.serving import Served
    from lifebuoy.store.audit import Entry

_STOPPING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: pauses between two tries to reach the database
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 15.0
_EPILOG = """Examples:

$ lifebuoy worker

$ lifebuoy worker --host web --host db

It ends with SIGTERM or Ctrl-C: what is under way is let go at its next step or wait, and another
worker, or the next one here, goes on with it. A worker that is killed loses nothing either."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("worker", epilog=_EPILOG)(worker)


def worker(
    context: typer.Context,
    host: Annotated[
        list[str] | None,
        typer.Option(
            "--host",
            metavar="HOST",
            help="Serve this host only; may be given several times. Else all that are configured.",
            autocompletion=host_names,
            show_default=False,
        ),
    ] = None,
    parallel: Annotated[
        int, typer.Option("--parallel", metavar="N", help="Operations worked on at a time.")
    ] = 8,
    timeout: Annotated[
        float | None,
        typer.Option(
            "--timeout",
            metavar="SECONDS",
            help="How long a database server that is away is waited for at the start. Else without "
            "end.",
            show_default=False,
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Work through operations until told to stop: those that wait, and what dead processes left.

    Many workers may serve the same hosts on one database; each operation is worked on by one. For
    several machines that database is PostgreSQL (the setting database).

    Hosts that are added, changed or removed meanwhile are noticed; other settings are not. A
    database server that is away is waited for.
    """
    if parallel < 1:
        raise BadInput("--parallel must be 1 or greater")
    if timeout is not None and timeout < 0:
        raise BadInput("--timeout must be 0 or greater")
    session = of(context)
    session.require_here("a server is a worker itself", "to work here: --server ''")
    from lifebuoy.operations.serving import Worker  # loads the database: only where it is needed

    tell = _Teller(as_json=json)
    hosts = Hosts(session, host or [], tell)
    with _stopped_by_signals() as stop:
        opened = _on_record(session, tell, stop, timeout)
        try:
            if opened is not None:
                at_work = Worker(
                    opened.engine,
                    hosts,
                    worker_name(),
                    parallel,
                    tell.operation,
                    tell.seen,
                    tell.worker,
                )
                with hosts:
                    at_work.serve(stop)
            tell("worker", "has ended; nothing is under way")
        finally:
            if opened is not None:
                opened.close()


def _on_record(
    session: Session, tell: _Teller, stop: threading.Event, timeout_s: float | None
) -> durable.OnRecord | None:
    """Operations on record, begun; None where ``stop`` was set while the server was waited for.

    Raises:
        DatabaseTrouble: a file cannot be used, or a server not within ``timeout_s``.
    """
    may_come = durable.is_server(session)
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    pause_s, said = _FIRST_PAUSE_S, ""
    while not stop.is_set():
        try:
            opened = _started(session)
        except DatabaseNewer:
            raise
        except DatabaseTrouble as error:
            late = deadline is not None and time.monotonic() + pause_s > deadline
            if not may_come or late:
                raise
            if error.message != said:
                said = error.message
                tell.worker(f"{said}; it is tried again until it can be used")
            stop.wait(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        else:
            if said:
                tell.worker("the database of operations can be used now")
            return opened
    return None


def _started(session: Session) -> durable.OnRecord:
    opened = durable.OnRecord(session)
    try:
        opened.start()
    except BaseException:
        opened.close()
        raise
    return opened


class _Teller:
    """Says what happens, a line each, at once: for a terminal or a service's journal."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._lock = threading.Lock()

    def __call__(self, subject: str, event: str, **more: Any) -> None:
        """Something about the worker itself or a host."""
        time = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        with self._lock:
            if self._as_json:
                facts = {"time": time, "subject": subject, "event": event, **more}
                sys.stdout.write(output.json_line(facts))
            else:
                sys.stdout.write(output.clean(f"{time} {subject or 'host'}: {event}") + "\n")
            sys.stdout.flush()

    def worker(self, words: str) -> None:
        """Something about the worker itself."""
        self("worker", words)

    def operation(self, served: Served) -> None:
        """Something about an operation."""
        record = served.record
        words = f"{record.kind} {record.id} {served.event}"
        if served.seconds:
            words += f" after {served.seconds:.1f} s"
        if served.error:
            words += f": {served.error}"
        self(
            f"{record.host}/{record.name}",
            words,
            operation=record.id,
            kind=record.kind,
            outcome=served.event,
        )

    def seen(self, entry: Entry) -> None:
        """What somebody else did to an instance."""
        self(f"{entry.host}/{entry.name}", entry.detail)


@contextmanager
def _stopped_by_signals() -> Iterator[threading.Event]:
    """An event that SIGTERM, Ctrl-C and SIGHUP set."""
    stop = threading.Event()

    def asked(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, asked) for number in _STOPPING}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def worker_name() -> str:
    """What a worker in this process is called, on record."""
    return f"worker {os.getpid()} on {socket.gethostname()}"
