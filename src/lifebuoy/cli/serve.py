"""``lifebuoy serve``: REST API, web console and the worker behind both, in one process."""

from __future__ import annotations

import os
import signal
import sys
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Final

import structlog
import typer

from lifebuoy.cli import durable, log, options, output
from lifebuoy.cli.served import Hosts
from lifebuoy.cli.session import Session, of
from lifebuoy.cli.worker import worker_name
from lifebuoy.errors import BadInput
from lifebuoy.interruption import BackgroundThread

if TYPE_CHECKING:
    from lifebuoy.api.state import Signing
    from lifebuoy.operations.serving import Served
    from lifebuoy.settings.listening import Listen
    from lifebuoy.store.audit import Entry

_STOPPING: Final = (signal.SIGINT, signal.SIGTERM)
_log = structlog.get_logger(__name__)

_EPILOG = """Examples:

$ lifebuoy serve

$ lifebuoy serve --listen [::1]:8080

It ends with SIGTERM or Ctrl-C: requests under way are answered, and operations are let go at their
next step or wait, for another worker, or the next server here, to go on with."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("serve", epilog=_EPILOG)(serve)


def serve(
    context: typer.Context,
    listen: Annotated[
        str | None,
        typer.Option(
            "--listen",
            metavar="HOST:PORT",
            help="Where to listen; else the setting server.listen, else this machine alone.",
            show_default=False,
        ),
    ] = None,
    parallel: Annotated[
        int,
        typer.Option("--parallel", min=1, metavar="N", help="Operations worked on at a time."),
    ] = 8,
    json: options.Json = False,
) -> None:
    """Serve the REST API and the web console for all configured hosts, and work on operations.

    Who may use it is said by accounts: lifebuoy account add NAME --role admin makes the first. It
    listens on this machine alone unless told otherwise; for others a proxy with TLS stands before
    it (the setting server.origin).

    For the embedded libvirt it is the one process that uses it. The log is on standard error, a
    line of JSON for each event.
    """
    from lifebuoy.settings.listening import listen_of

    session = of(context)
    session.require_here("a server is started on its own machine", "--server '' or unset it")
    where = listen_of(listen or session.settings.server.listen)
    log.set_up_service()
    hosts = Hosts(session, [], lambda subject, event: _log.info("host", host=subject, state=event))
    opened = durable.OnRecord(session)
    try:
        with hosts:
            _serve(session, opened, hosts, where, parallel, as_json=json)
    finally:
        opened.close()


def _serve(
    session: Session,
    opened: durable.OnRecord,
    hosts: Hosts,
    where: Listen,
    parallel: int,
    *,
    as_json: bool,
) -> None:
    """Serve until told to stop; then the worker lets go of what is under way."""
    from lifebuoy.api import serving
    from lifebuoy.operations.desk import Desk
    from lifebuoy.operations.overview import Overview
    from lifebuoy.operations.serving import Worker
    from lifebuoy.web.app import make

    signing = _signing(session, where)
    stopping = threading.Event()
    worker = Worker(opened.engine, hosts, worker_name(), parallel, _operation, _seen, _notice)
    desk = Desk(opened.engine, worker)
    opened.engine.reached = desk.checkups.reached
    overview = Overview(hosts, session.settings.host_timeout_s)
    opened.engine.about_to_end = overview.mark
    overview.start()
    broken: list[BaseException] = []

    def work() -> None:
        try:
            worker.serve(stopping)
        except BaseException as error:
            broken.append(error)
            os.kill(os.getpid(), signal.SIGTERM)  # no server without its worker

    thread = BackgroundThread(work, name="worker")
    thread.start()

    def told(url: str) -> None:
        if as_json:
            sys.stdout.write(output.json_line({"url": url}))
        else:
            output.say(f"Lifebuoy is at {url}")
        sys.stdout.flush()
        _log.info("serves", url=url)

    # uvicorn raises the signal that ended it once more when it has ended: here it ends nothing
    before = {number: signal.signal(number, lambda *_: stopping.set()) for number in _STOPPING}
    try:
        origin = session.settings.server.origin
        serving.run(where, origin, desk, hosts, signing, overview, stopping, make, told)
    finally:
        overview.stop()
        stopping.set()
        thread.join()
        for number, handler in before.items():
            signal.signal(number, handler)
        _log.info("ended")
    if broken:
        raise broken[0]


def _signing(session: Session, where: Listen) -> Signing:
    """How people sign in; before anything is begun, as its settings may be wrong."""
    from lifebuoy.accounts import vault
    from lifebuoy.accounts.model import Role
    from lifebuoy.api.state import Signing

    server, openid = session.settings.server, session.settings.openid
    key_file = server.key_file or session.state_dir / vault.FILE
    opened, required = vault.open_vault(key_file), frozenset(map(Role, server.second_factor))
    if not openid.issuer:
        return Signing(opened, required)
    from lifebuoy.accounts.provider import Provider
    from lifebuoy.api.serving import names
    from lifebuoy.settings.openid import secret_of

    if names(where, server.origin) is None:
        raise BadInput(
            "a provider must know where to send browsers back to",
            hint="the setting server.origin, such as https://rescue.example",
        )
    secret = secret_of(openid)
    return Signing(opened, required, Provider(replace(openid, client_secret=secret)))


def _operation(served: Served) -> None:
    record = served.record
    _log.info(
        "operation",
        operation=record.id,
        kind=record.kind,
        host=record.host,
        instance=record.name,
        who=record.who,
        state=served.event,
        seconds=round(served.seconds, 1),
        error=served.error,
    )


def _seen(entry: Entry) -> None:
    _log.info("observed", host=entry.host, instance=entry.name, what=entry.detail)


def _notice(words: str) -> None:
    _log.warning("worker", what=words)
