"""Lists over hosts: all asked at the same time, and what of them did not answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import typer

from lifebuoy.cli import columns, output
from lifebuoy.cli.columns import Cell
from lifebuoy.cli.session import Session
from lifebuoy.errors import BadInput
from lifebuoy.hypervisor import Host
from lifebuoy.operations.listing import Listed, heard, rows
from lifebuoy.operations.status import InstanceSummary

T = TypeVar("T")


def of_instances(
    session: Session,
    question: Callable[[Host], list[InstanceSummary]],
    wanted: Callable[[InstanceSummary], bool],
    timeout_s: float | None = None,
) -> list[Listed[InstanceSummary]]:
    """The same for lists of instances, which a server is asked for where there is one: then those
    that are ``wanted``."""
    if (server := session.server) is None:
        return of_hosts(session, question, timeout_s)
    return [
        replace(one, instances=tuple(filter(wanted, one.instances))) for one in server.instances()
    ]


def of_hosts(
    session: Session, question: Callable[[Host], list[T]], timeout_s: float | None = None
) -> list[Listed[T]]:
    """Ask every host to use; one alone raises what goes wrong.

    Raises:
        CannotConnect, Busy, BadInput: there is one host, which cannot be reached.
    """
    if timeout_s is not None and timeout_s <= 0:
        raise BadInput("--host-timeout must be greater than 0")
    if not session.many:
        with session.context() as found:
            return [Listed("", found.host.uri, tuple(question(found.host)), None, 0.0)]
    with session.fleet(timeout_s) as fleet:
        return [heard(answer) for answer in fleet.ask(question)]


def show(
    listed: list[Listed[InstanceSummary]],
    titles: Sequence[str],
    row: Callable[[InstanceSummary], Sequence[str | Cell]],
) -> None:
    """Print the lists as one; with a column for the hosts where they have names."""
    many = any(one.host for one in listed)
    columns.show(
        ["HOST", *titles] if many else titles,
        ([host, *row(found)] if many else row(found) for host, found in rows(listed)),
        right=("MEMORY",),
    )


def state(found: InstanceSummary, style: str = "") -> Cell:
    """Its state, and why that cannot be trusted, if so."""
    if found.problem:
        return Cell(f"{found.state}  ({found.problem})", "red")
    return Cell(found.state, style)


def end(listed: list[Listed[T]], *, quiet: bool) -> None:
    """Tell of the hosts that did not answer, and end with status 1 if there are any."""
    missing = [one for one in listed if one.error]
    for one in missing if not quiet else ():
        output.note(f"no answer from {one.host} ({one.uri}): {one.error}")
    if missing:
        raise typer.Exit(1)
