"""``lifebuoy operations``: what is going on and what was done, from the record."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lifebuoy.cli import columns, durable, options, output, progress
from lifebuoy.cli import operation_view as view
from lifebuoy.cli.session import Session, of
from lifebuoy.errors import BadInput, TimedOut
from lifebuoy.operations import shapes
from lifebuoy.operations.context import Context
from lifebuoy.operations.operation import JsonObject, Kind

if TYPE_CHECKING:
    from lifebuoy.operations.history import Account

app = typer.Typer(
    no_args_is_help=True,
    help="Look at operations: what is going on, what was done; watch, cancel, go on with them.",
    epilog="Example: $ lifebuoy operations list",
)

#: Waits between two looks; raises what ends the watching.
Pause = Callable[[float], None]

Id = Annotated[
    str,
    typer.Argument(
        metavar="ID",
        help="The operation, by its id or the beginning of it.",
        show_default=False,
    ),
]


@app.command(
    "list",
    epilog="Examples:\n\n$ lifebuoy operations list\n\n$ lifebuoy operations list web1 --limit 5",
)
def list_(
    context: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]", help="Only those of this instance: name or UUID.", show_default=False
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", metavar="N", help="At most so many, the newest.")
    ] = 30,
    json: options.Json = False,
) -> None:
    """List operations, the newest first: of all hosts and users of the database."""
    from lifebuoy.operations import history

    if limit < 1:
        raise BadInput("--limit must be at least 1")
    session = of(context)
    instance = session.plain(name) if name else None
    if server := session.server:
        found = [one.record for one in server.operations(limit, instance)]
    else:
        found = history.latest(durable.database(session), limit=limit, instance=instance)
    if json:
        output.print_json({"operations": [shapes.operation(record) for record in found]})
    elif not found:
        output.say("No operation is on record.")
    else:
        columns.show(
            ("ID", "OPERATION", "INSTANCE", "STATE", "BEGAN", "SECONDS", "WHO"),
            map(view.row, found),
            right=("SECONDS",),
        )


@app.command("show", epilog="Example:\n\n$ lifebuoy operations show 4f3a")
def show(context: typer.Context, id_: Id, json: options.Json = False) -> None:
    """Show an operation: who asked for it, its steps with their times, how it ended."""
    from lifebuoy.operations import history

    session = of(context)
    if server := session.server:
        account = server.operation(id_)
    else:
        account = history.account(durable.database(session), id_)
    if json:
        output.print_json({"operation": shapes.account(account)})
    else:
        view.show(account)


@app.command("watch", epilog="Example:\n\n$ lifebuoy operations watch 4f3a")
def watch(context: typer.Context, id_: Id, json: options.Json = False) -> None:
    """Follow an operation until it ends; Ctrl-C ends the watching only.

    Exit status: 0 if it is done, 1 if it ended otherwise.
    """
    done = _follow(_watched(of(context), id_), id_, silent=json, deadline=None)
    if json:
        output.print_json({"operation": shapes.account(done)})
    raise typer.Exit(0 if done.record.outcome == "done" else 1)


@app.command("cancel", epilog="Example:\n\n$ lifebuoy operations cancel 4f3a")
def cancel(
    context: typer.Context,
    id_: Id,
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="S", help="Seconds to wait for its end.")
    ] = 120.0,
    json: options.Json = False,
) -> None:
    """Stop an operation and put everything back as it was before.

    It is refused once it cannot go back; the reason says how to go on. One that a dead process
    left behind is rolled back by this command.
    """
    from lifebuoy.operations import history

    session = of(context)
    deadline = time.monotonic() + timeout
    if server := session.server:
        id_ = server.cancel(id_).record.id
    else:
        database = durable.database(session)
        id_ = history.cancel(database, id_, durable.who(os.environ)).id
        durable.go_on(session, id_, silent=json)
        deadline = time.monotonic() + timeout
    account = _follow(_watched(session, id_), id_, silent=json, deadline=deadline)
    if json:
        output.print_json({"operation": shapes.account(account)})
    raise typer.Exit(0 if account.record.outcome == "cancelled" else 1)


@app.command(
    "resume",
    epilog="Examples:\n\n$ lifebuoy operations resume\n\n$ lifebuoy operations resume 4f3a",
)
def resume(
    context: typer.Context,
    id_: Annotated[
        str | None,
        typer.Argument(metavar="[ID]", help="Only this operation.", show_default=False),
    ] = None,
    json: options.Json = False,
) -> None:
    """Go on with operations that a process left behind when it was killed.

    Each goes on at the step where it was. A worker does so by itself, and every command that
    changes an instance does so for that instance.
    """
    from lifebuoy.operations import history

    session = of(context)
    session.require_here(
        "a server goes on by itself with what was left behind", hint="lifebuoy operations list"
    )
    database = durable.database(session)
    if id_ is not None:
        id_ = history.account(database, id_).record.id
    ids = durable.go_on(session, id_, silent=json)
    found = [history.account(database, one) for one in ids]
    if json:
        output.print_json({"operations": [shapes.operation(one.record) for one in found]})
    elif not found:
        output.say("No operation was left behind.")
    for one in found if not json else ():
        view.say_end(one)
    if any(one.record.outcome != "done" for one in found):
        raise typer.Exit(1)


def queued(
    session: Session,
    context: Context,
    kind: Kind[Any],
    name: str,
    request: JsonObject,
    *,
    as_json: bool,
) -> None:
    """Write an operation down for a worker, and say how to see it."""
    from lifebuoy.operations import asking, history

    database = durable.database(session)
    who = durable.who(os.environ)
    record = asking.submit(database, context, kind, context.host.domain(name), request, who)
    tell_waiting(session, history.account(database, record.id), as_json=as_json)


def tell_waiting(
    session: Session, account: Account, *, as_json: bool, password: str | None = None
) -> None:
    """Say that an operation waits for a worker; ``password``, if we made one up, this once."""
    record = account.record
    if as_json:
        facts = {"operation": shapes.account(account)}
        output.print_json(facts | ({"password": password} if password else {}))
        return
    if record.outcome:  # it came to its end before there was anything to leave
        view.say_end(account)
        return
    output.say(f"Operation {record.id} waits for a worker: {record.kind} '{record.name}'.")
    if password:
        output.facts([("password", f"{password}   (shown this once)")])
    output.note(session.command("operations", "watch", record.id))


def _watched(session: Session, id_: str) -> Callable[[Pause], Iterator[Account | None]]:
    """The operation at every change until it has ended, looked for with pauses."""
    if server := session.server:
        whole = server.operation(id_).record.id

        def over_there(pause: Pause) -> Iterator[Account | None]:
            for account in server.watch(whole):
                yield account
                pause(0.0)

        return over_there
    from lifebuoy.operations import history

    database = durable.database(session)
    return lambda pause: history.watch(database, id_, sleep=pause)


def _follow(
    watched: Callable[[Pause], Iterator[Account | None]],
    id_: str,
    *,
    silent: bool,
    deadline: float | None,
) -> Account:
    """Show what happens until it has ended; the account of its end."""

    def pause(seconds: float) -> None:
        if deadline is not None and time.monotonic() > deadline:
            raise TimedOut(
                f"operation {id_} has not ended yet",
                hint=f"lifebuoy operations watch {id_}",
                safe="It goes on.",
            )
        time.sleep(seconds)

    with progress.shown(silent=silent) as shown:
        teller = view.Teller(shown)
        account: Account | None = None
        for found in watched(pause):
            if found is not None:
                teller.tell(found)
                account = found
    assert account is not None
    if not silent:
        view.say_end(account)
    return account
