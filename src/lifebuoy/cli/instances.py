"""``lifebuoy list`` and ``lifebuoy show``."""

from __future__ import annotations

import typer

from lifebuoy.cli import listing, options, output
from lifebuoy.cli.session import of
from lifebuoy.model import InstanceState
from lifebuoy.operations import shapes
from lifebuoy.operations.listing import Listed
from lifebuoy.operations.status import InstanceDetails, InstanceSummary, details, summaries
from lifebuoy.rescue.traits import Disk

_STYLES = {InstanceState.RUNNING: "green", InstanceState.STOPPED: "dim"}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        "list",
        epilog="Examples:\n\n$ lifebuoy list\n\n$ lifebuoy list --json | jq -r '.instances[].name'",
    )(list_)
    app.command("show", epilog="Example:\n\n$ lifebuoy show web1")(show)


def list_(
    context: typer.Context, timeout: options.HostTimeout = None, json: options.Json = False
) -> None:
    """List all instances with their states, of all configured hosts at the same time.

    A host that does not answer in time is shown as such; the exit status is then 1.
    """
    listed = listing.of_instances(of(context), summaries, lambda _found: True, timeout)
    if json:
        output.print_json(shapes.instances(listed))
    elif not any(one.instances for one in listed):
        output.say(f"There are no instances on {', '.join(one.name for one in listed)}.")
    else:
        _table(listed)
    listing.end(listed, quiet=json)


def show(context: typer.Context, name: options.Name, json: options.Json = False) -> None:
    """Show an instance: state, disks, network, firmware, and what can be done with it now."""
    session = of(context)
    if server := session.server:
        there = session.there(server, name, looking=True)
        host, result = there.host, server.details(there)
    else:
        with session.look(name) as (found, name):
            host, result = found.host.given_name, details(found.host, name)
    if json:
        output.print_json({"host": host, **shapes.instance(result)})
    else:
        output.facts([("host", host), *_rows(result)])


def _table(listed: list[Listed[InstanceSummary]]) -> None:
    listing.show(
        listed,
        ("ID", "NAME", "STATE", "MEMORY", "AUTOSTART", "SINCE", "IMAGE"),
        lambda found: (
            "-" if found.id is None else str(found.id),
            found.name,
            listing.state(found, _STYLES.get(found.state, "bold yellow")),
            f"{found.memory_mib} MiB",
            "yes" if found.autostart else "no",
            found.since,
            found.image,
        ),
    )


def _rows(result: InstanceDetails) -> list[tuple[str, object]]:
    summary, traits = result.summary, result.traits
    stay = result.rescue
    return [
        ("name", summary.name),
        ("uuid", summary.uuid),
        ("state", summary.state),
        ("machine", f"{summary.run_state}, {traits.arch} {traits.machine}"),
        ("rescue", f"since {stay.since}, image {stay.image}" if stay else ""),
        ("before it", ("running" if stay.was_running else "stopped") if stay else ""),
        ("processors", f"{result.vcpus}, {result.acceleration}"),
        ("memory", f"{traits.memory_mib} MiB"),
        ("firmware", result.firmware),
        ("tpm", "yes" if traits.has_tpm else ""),
        ("autostart", "yes" if summary.autostart else "no"),
        ("saved", "its memory is saved; the next start resumes it" if result.saved else ""),
        ("snapshots", result.snapshots or ""),
        ("disks", "\n".join(_disk(disk) for disk in result.disks) or "none"),
        (
            "network",
            "\n".join(f"{nic.mac}  {nic.type}  {nic.model}".rstrip() for nic in result.interfaces),
        ),
        ("addresses", ", ".join(result.addresses)),
        ("graphics", ", ".join(traits.graphics)),
        ("serial", _serial(traits.has_serial, traits.serial_log)),
        ("possible", ", ".join(result.possible)),
    ]


def _disk(disk: Disk) -> str:
    flags = [flag for flag, on in (("read-only", disk.readonly), ("shared", disk.shareable)) if on]
    parts = [disk.target, disk.bus, disk.device, disk.format, disk.source or "(empty)", *flags]
    return "  ".join(part for part in parts if part)


def _serial(there: bool, log: str | None) -> str:
    if not there:
        return "none"
    return f"yes, log in {log}" if log else "yes"
