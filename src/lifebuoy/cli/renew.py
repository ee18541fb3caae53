"""``lifebuoy renew``: until when an instance may be used."""

from __future__ import annotations

import os
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from lifebuoy.cli import durable, options, output, there
from lifebuoy.cli.session import of
from lifebuoy.expiry import RenewRequest, judge
from lifebuoy.operations.operation import JsonObject

_EPILOG = """Examples:

$ lifebuoy renew web1 --until 2030-12-31

$ lifebuoy renew web1 --days 30"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("renew", epilog=_EPILOG)(renew)


def renew(
    context: typer.Context,
    name: options.Name,
    until: Annotated[
        str,
        typer.Option(
            "--until",
            metavar="DATE",
            help="The new expiry date, 2030-12-31: the end of that day in UTC; or a time with its "
            "zone, 2030-12-31T18:00+08:00.",
            show_default=False,
        ),
    ] = "",
    days: Annotated[
        int,
        typer.Option(
            "--days",
            metavar="N",
            help="So many days more; from today where it has no date, or it is over.",
            show_default=False,
        ),
    ] = 0,
    clear: Annotated[bool, options.flag("--clear", help="No expiry date any more.")] = False,
    json: options.Json = False,
) -> None:
    """Set or move an instance's expiry date, in every state, rescue mode too.

    Past it the instance may not be started (the setting expiry_refuses_start). It is neither
    stopped nor deleted, and rescue mode can be entered and left.
    """
    session = of(context)
    request = RenewRequest(until, days, clear)
    if server := session.server:
        at = there.Instance.named(session, server, name, as_json=json)
        told = at.ask("renew", asdict(request))
        _tell(at.name, told, as_json=json)
        return
    from lifebuoy.operations import renewing

    with session.instance(name) as (found, name):
        database = durable.database(session)
        done = renewing.renew(database, found, name, request, durable.who(os.environ))
    expiry = judge(done.expires, datetime.now(UTC), session.settings.expiry.notice_days)
    told = {"before": done.before, "expires": done.expires, "expiry": expiry}
    _tell(done.name, told, as_json=json)


def _tell(name: str, told: JsonObject, *, as_json: bool) -> None:
    if as_json:
        output.print_json({"instance": name, "action": "renew", **told})
    elif told["expires"]:
        output.say(f"'{name}' may be used until {told['expires']}.")
    else:
        output.say(f"'{name}' has no expiry date.")
