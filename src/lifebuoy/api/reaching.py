"""Instances and operations by their address, as far as the caller may know of them: to others they
are not there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Path

from lifebuoy.api.authorisation import Who
from lifebuoy.api.state import Server
from lifebuoy.errors import InstanceNotFound, NotFound, OperationNotFound
from lifebuoy.hypervisor import Domain
from lifebuoy.operations import history
from lifebuoy.operations.context import Context
from lifebuoy.operations.daemon import daemon_of
from lifebuoy.operations.desk import own
from lifebuoy.operations.history import Account

#: In paths: the one host that was given without a name. No host can be called so.
UNNAMED: Final = "-"

HostPath = Annotated[
    str,
    Path(
        pattern=r"^(-|[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?)$",
        description="The name of a host; a dash for the one host of a server that names none.",
    ),
]
UuidPath = Annotated[
    str,
    Path(
        pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        description="The UUID of an instance.",
    ),
]
OperationPath = Annotated[
    str, Path(pattern=r"^[0-9a-f]{12}$", description="The id of an operation.")
]


@dataclass(frozen=True, slots=True)
class Reached:
    """An instance and its connected host. ``host`` is as in paths."""

    context: Context
    host: str
    uuid: str
    domain: Domain


def reached(server: Server, who: Who, host: HostPath, uuid: UuidPath) -> Reached:
    """The instance of a path.

    Raises:
        InstanceNotFound: there is none that the caller may know of.
        HostSilent, CannotConnect: its host cannot be reached.
    """
    try:
        server.overview.require_answering(name_of(host))
        context = server.hosts.context(name_of(host))
        if who.sees(daemon_of(context.host), uuid):
            # in a thread that may be left behind: it is not known yet of every host that it hangs
            (answer,) = server.hosts.ask(lambda _: own(context, uuid), [name_of(host)])
            return Reached(context, host, uuid, answer.required())
    except (NotFound, InstanceNotFound):
        pass  # said as to one who may not know of it
    raise InstanceNotFound("there is no such instance", hint="see the list of instances")


Instance = Annotated[Reached, Depends(reached)]


def operation_of(server: Server, who: Who, id: OperationPath) -> Account:
    """The operation of a path.

    Raises:
        OperationNotFound: there is none that the caller may know of.
    """
    try:
        found = history.account(server.database, id)
    except OperationNotFound:
        found = None
    if found is None or not who.sees(found.record.daemon, found.record.instance):
        raise OperationNotFound("there is no such operation", hint="see the list of operations")
    return found


Operation = Annotated[Account, Depends(operation_of)]


def name_of(host: str) -> str:
    """The configured name of a host in a path."""
    return "" if host == UNNAMED else host


def path_of(host: str) -> str:
    """A host's configured name as it is in paths."""
    return host or UNNAMED
