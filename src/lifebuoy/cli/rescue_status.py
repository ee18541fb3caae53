"""``lifebuoy rescue status`` and ``rescue list``: what is in rescue mode, and how to get in."""

from __future__ import annotations

import typer

from lifebuoy.cli import access, listing, options, output
from lifebuoy.cli.session import Session, of
from lifebuoy.model import InstanceState
from lifebuoy.operations import shapes
from lifebuoy.operations.listing import Listed
from lifebuoy.operations.status import (
    InstanceSummary,
    RescueStatus,
    is_in_rescue,
    rescue_list,
    rescue_status,
)


def register(app: typer.Typer) -> None:
    """Add the commands to the group."""
    app.command(
        "status",
        epilog="Examples:\n\n$ lifebuoy rescue status web1\n\n"
        "$ lifebuoy rescue status web1 --json | jq -r .access.ssh_command",
    )(status)
    app.command("list", epilog="Example:\n\n$ lifebuoy rescue list")(list_)


def status(context: typer.Context, name: options.Name, json: options.Json = False) -> None:
    """Show an instance's stay in rescue mode: since when, with which image, how to get in.

    After `rescue enter --no-wait` this also takes the seed with the password's hash away, once
    the rescue system has read it.
    """
    session = of(context)
    if server := session.server:
        result = server.rescue(session.there(server, name, looking=True))
    else:
        with session.look(name) as (found, name):
            result = rescue_status(found, name)
    if json:
        output.print_json(shapes.rescue(result))
    else:
        _show(session, result)


def list_(
    context: typer.Context, timeout: options.HostTimeout = None, json: options.Json = False
) -> None:
    """List the instances that are in rescue mode, on the way in, or on the way out.

    All configured hosts are asked at the same time. A host that does not answer in time is shown
    as such; the exit status is then 1.
    """
    listed = listing.of_instances(of(context), rescue_list, is_in_rescue, timeout)
    if json:
        output.print_json(shapes.instances(listed))
    elif not any(one.instances for one in listed):
        output.say("No instance is in rescue mode.")
    else:
        _table(listed)
    listing.end(listed, quiet=json)


def _show(session: Session, result: RescueStatus) -> None:
    before = "running" if result.was_running else "stopped"
    output.facts(
        [
            ("instance", result.name),
            ("state", result.state),
            ("machine", result.run_state),
            ("since", result.since),
            ("image", result.image),
            ("before", before + (", started with the host" if result.autostart else "")),
            ("seed", "gone" if result.seed_removed else "still there, until it has been read"),
            ("at work", result.working),
            *access.rows(session, result.name, result.access),
        ]
    )
    if result.state is not InstanceState.RESCUE_MODE and not result.working:
        way = "entering" if result.state is InstanceState.ENTER_RESCUE_MODE else "leaving"
        output.say(
            "",
            f"The {way} was cut short and nobody is at work on it. To go back to what was before: "
            + session.command("rescue", "exit", session.address(result.name)),
            "To go on with it, if it is on record: " + session.command("operations", "resume"),
        )
    if result.edits:
        output.say("", "The definition was edited during rescue mode:")
        output.say(output.diff_text(result.edits))


def _table(listed: list[Listed[InstanceSummary]]) -> None:
    listing.show(
        listed,
        ("NAME", "STATE", "MACHINE", "SINCE", "IMAGE"),
        lambda found: (
            found.name,
            listing.state(found),
            found.run_state,
            found.since,
            found.image,
        ),
    )
