"""``lifebuoy audit``: who did what, when, on which instance, and how it ended."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from lifebuoy.cli import columns, durable, options, output
from lifebuoy.cli.session import of

if TYPE_CHECKING:
    from lifebuoy.store.audit import Entry


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "audit",
        epilog="Examples:\n\n$ lifebuoy audit web1 --since 2026-01-31\n\n"
        "$ lifebuoy audit --json > audit.jsonl",
    )(audit)


def audit(
    context: typer.Context,
    name: options.OnlyName = None,
    since: Annotated[
        str,
        typer.Option(
            "--since",
            metavar="TIME",
            help="From this time on: ISO 8601, UTC where no zone is given.",
            show_default=False,
        ),
    ] = "",
    json: Annotated[
        bool, options.flag("--json", help="JSON lines: one object a line (docs/json.md).")
    ] = False,
) -> None:
    """Print the audit log, oldest first: who, what, when, on which instance, outcome.

    Lines are only ever added: the database refuses to change or remove one.
    """
    from lifebuoy.operations.audit_log import time_of
    from lifebuoy.store import audit as log

    session = of(context)
    begin = time_of(since)
    instance = session.plain(name) if name else None
    if server := session.server:
        from lifebuoy.client import tables

        _print(tables.audit(server, begin, instance or ""), as_json=json)
        return
    with durable.database(session).reading() as connection:
        _print(log.entries(connection, since=begin, instance=instance), as_json=json)


def _print(entries: Iterable[Entry], *, as_json: bool) -> None:
    if as_json:
        for entry in entries:
            sys.stdout.write(output.json_line(entry))
        return
    columns.show(
        ("TIME", "WHO", "EVENT", "OPERATION", "HOST", "INSTANCE", "OUTCOME", "DETAIL"),
        [
            (
                *(entry.time[:19] + "Z", entry.who, entry.event),
                f"{entry.kind} {entry.operation}".strip(),
                *(entry.host, entry.name),
                " ".join(word for word in (entry.outcome, entry.code) if word),
                entry.detail,
            )
            for entry in entries
        ],
    )
