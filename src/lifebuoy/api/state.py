"""What every request works with: made once when the server starts, given to each by ``serving``."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Final

from fastapi import Depends
from starlette.requests import HTTPConnection

from lifebuoy.accounts.model import Role
from lifebuoy.accounts.vault import Vault
from lifebuoy.api.events import Hub
from lifebuoy.api.figures import Figures
from lifebuoy.console.pictures import Pictures
from lifebuoy.console.seats import Seats
from lifebuoy.console.tickets import Tickets
from lifebuoy.operations.desk import Desk
from lifebuoy.operations.overview import Overview
from lifebuoy.operations.reach import Reach
from lifebuoy.operations.verifying import Verifications
from lifebuoy.store import Database

if TYPE_CHECKING:
    from lifebuoy.accounts.provider import Provider

API: Final = "/api/v1"


@dataclass(frozen=True, slots=True)
class Signing:
    """How people sign in: what seals their secrets, and which roles must have a second factor;
    the OpenID provider, where there is one."""

    vault: Vault
    required: frozenset[Role] = frozenset()
    provider: Provider | None = None


@dataclass(frozen=True, slots=True)
class Serving:
    """``origin`` is the address at which browsers see the server, where that is set; ``names`` are
    the host names that a request may be addressed to, None for any; ``tls`` that the server speaks
    TLS itself.

    ``stopping`` is set when the server is told to end. ``figures`` are for a monitoring system.
    """

    desk: Desk
    hosts: Reach
    overview: Overview
    hub: Hub
    signing: Signing
    origin: str = ""
    names: frozenset[str] | None = None
    tls: bool = False
    stopping: threading.Event = field(default_factory=threading.Event)
    figures: Figures = field(default_factory=Figures)
    tickets: Tickets = field(default_factory=Tickets)
    seats: Seats = field(default_factory=Seats)
    pictures: Pictures = field(default_factory=Pictures)
    verifications: Verifications = field(default_factory=Verifications)

    @property
    def database(self) -> Database:
        """The database of operations and accounts."""
        return self.desk.database

    @property
    def is_secure(self) -> bool:
        """Whether browsers reach it by TLS."""
        return self.tls or self.origin.startswith("https:")


def serving(connection: HTTPConnection) -> Serving:
    """What the server of a request works with."""
    found: Serving = connection.app.state.serving
    return found


Server = Annotated[Serving, Depends(serving)]
