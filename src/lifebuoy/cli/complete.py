"""Shell completion of instance names and image ids. Silent: a completion must never fail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

import typer

from lifebuoy.cli.session import Session
from lifebuoy.errors import LifebuoyError
from lifebuoy.hosts import finding
from lifebuoy.hosts.fleet import Fleet
from lifebuoy.hypervisor import Host

if TYPE_CHECKING:
    from lifebuoy.client.server import Server

#: Nobody waits longer than this for a name to be completed.
PATIENCE_S: Final = 2.0


def instance_names(context: typer.Context, incomplete: str) -> list[str]:
    """NAME and HOST/NAME that begin with what was typed; without those that cannot be asked."""
    return offered(
        context,
        incomplete,
        lambda fleet: finding.names(fleet, PATIENCE_S),
        lambda host: [domain.name for domain in host.domains()],
        lambda server: server.names(),
    )


def offered(
    context: typer.Context,
    incomplete: str,
    of_many: Callable[[Fleet], Sequence[str]],
    of_one: Callable[[Host], Sequence[str]],
    of_server: Callable[[Server], Sequence[str]],
) -> list[str]:
    """What many hosts offer, or the only one, or a server, as far as it begins with what was
    typed."""
    given = context.find_root().params
    session = Session(given.get("connect"), given.get("config_file"), given.get("server"))
    try:
        if server := session.quick_server(PATIENCE_S):
            every = of_server(server)
        elif len(session.many) > 1:
            with session.fleet(PATIENCE_S) as fleet:
                every = of_many(fleet)
        else:
            with session.context() as found:
                every = of_one(found.host)
    except LifebuoyError:
        return []
    return [one for one in every if one.startswith(incomplete)]


def host_names(context: typer.Context, incomplete: str) -> list[str]:
    """Configured hosts that begin with what was typed."""
    try:
        hosts = Session(None, context.find_root().params.get("config_file")).settings.hosts
    except LifebuoyError:
        return []
    return [host.name for host in hosts if host.name.startswith(incomplete)]


def image_ids(incomplete: str) -> list[str]:
    """Image ids that begin with what was typed."""
    try:
        return [i.id for i in Session().catalogue().list() if i.id.startswith(incomplete)]
    except LifebuoyError:
        return []
