"""``lifebuoy api-key``: what programs sign in to the server with."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import Annotated
from urllib.parse import quote

import typer

from lifebuoy.cli import columns, durable, options, output
from lifebuoy.cli.session import of

app = typer.Typer(
    no_args_is_help=True,
    help="API keys of the server: what programs sign in with. Each is of one account.",
    epilog="Example: $ lifebuoy api-key add ana --label backup-script --scope read",
)


@app.command(
    "add",
    epilog="Examples:\n\n$ lifebuoy api-key add ana --label nightly --scope read --days 30\n\n"
    "$ lifebuoy api-key add ana --label deploy --scope read --scope act",
)
def add(
    context: typer.Context,
    account: Annotated[
        str, typer.Argument(metavar="ACCOUNT", help="Whose key it is.", show_default=False)
    ],
    label: Annotated[
        str, typer.Option("--label", metavar="TEXT", help="What it is for.", show_default=False)
    ] = "",
    scope: Annotated[
        list[str] | None,
        typer.Option(
            "--scope",
            metavar="read|act|administer",
            help="What it may do of what its account may; may be given several times. Else read.",
            show_default=False,
        ),
    ] = None,
    days: Annotated[
        int, typer.Option("--days", metavar="N", help="Days after which it is worthless.")
    ] = 90,
    json: options.Json = False,
) -> None:
    """Make an API key; it is shown this once. It is sent as `Authorization: Bearer KEY`."""
    from lifebuoy.accounts import keys
    from lifebuoy.accounts.model import scopes_of

    scopes = scopes_of(scope or ["read"])
    session = of(context)
    if server := session.server:
        from lifebuoy.client import tables

        body = {"label": label, "scopes": sorted(scopes), "days": days}
        told = server.link.send("POST", f"/accounts/{quote(account, safe='')}/keys", body)
        made, secret = tables.api_key(told["api_key"]), told["key"]
    else:
        database = durable.database(session)
        made, secret = keys.add(database, account, label, scopes, days, by=durable.who(os.environ))
    if json:
        output.print_json({"api_key": asdict(made), "key": secret})
        return
    output.facts(
        [
            ("key", f"{secret}   (shown this once)"),
            ("id", made.id),
            ("account", made.account),
            ("scopes", ", ".join(made.scopes)),
            ("expires", made.expires[:19] + "Z"),
        ]
    )


@app.command("list", epilog="Example:\n\n$ lifebuoy api-key list")
def list_(context: typer.Context, json: options.Json = False) -> None:
    """List the API keys; not the keys themselves, which are not kept."""
    from lifebuoy.accounts import keys

    session = of(context)
    if server := session.server:
        from lifebuoy.client import tables

        found = tables.api_keys(server)
    else:
        found = keys.every(durable.database(session))
    if json:
        output.print_json({"api_keys": [asdict(one) for one in found]})
    elif not found:
        output.say("There is no API key.")
    else:
        columns.show(
            ("ID", "ACCOUNT", "SCOPES", "EXPIRES", "LABEL"),
            [
                (one.id, one.account, ",".join(one.scopes), one.expires[:19] + "Z", one.label)
                for one in found
            ],
        )


@app.command("remove", epilog="Example:\n\n$ lifebuoy api-key remove 4f3a1b2c")
def remove(
    context: typer.Context,
    id_: Annotated[
        str, typer.Argument(metavar="ID", help="The key's id, from the list.", show_default=False)
    ],
    json: options.Json = False,
) -> None:
    """Make an API key worthless at once."""
    from lifebuoy.accounts import keys

    session = of(context)
    if server := session.server:
        from lifebuoy.client import tables

        tables.remove_api_key(server, id_)
    else:
        keys.remove(durable.database(session), id_, by=durable.who(os.environ))
    if json:
        output.print_json({"api_key": {"id": id_}})
    else:
        output.say(f"API key {id_} is worthless now.")
