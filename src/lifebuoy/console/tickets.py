"""One-time tickets for consoles: asked for with all checks, then shown once to open the console.

Kept in the memory of the process that gave them: they live for seconds, and who opens a console
comes back to the same process. A restart makes them worthless, as it should. Of a ticket only its
SHA-256 is kept, which is also what it is found by: how long that takes tells nothing of it.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from lifebuoy.console.kind import ConsoleKind
from lifebuoy.errors import Refused

LIFE_S: Final = 15.0
#: So many that were not shown yet may an account have.
_UNUSED_MOST: Final = 16
_TOKEN_BYTES: Final = 32


class TicketRefused(Refused):
    """No ticket, or one that was used, has expired, or is somebody else's; not said which."""

    code = "ticket-refused"


@dataclass(frozen=True, slots=True)
class Admission:
    """What a ticket admits to. ``host`` is the configured name, ``called`` what the host is called
    where it has none, too; ``daemon`` tells which libvirt it is.

    ``bearer`` is what the asker proved himself with, in a form that tells it from all others; the
    same must come with the ticket. ``force``: take a serial console over. ``in_rescue``: the
    instance was in rescue mode.
    """

    kind: ConsoleKind
    host: str
    called: str
    daemon: str
    uuid: str
    name: str
    account: str
    bearer: str
    force: bool = False
    in_rescue: bool = False


class Tickets:
    """All that were given and not shown yet; from any thread. ``clock`` is in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._given: dict[str, tuple[Admission, float]] = {}
        self._lock = threading.Lock()

    def give(self, admission: Admission) -> str:
        """A new ticket; told this once.

        Raises:
            Refused: the account has too many that it did not use.
        """
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        with self._lock:
            now = self._clock()
            self._given = {key: one for key, one in self._given.items() if one[1] > now}
            unused = sum(one.account == admission.account for one, _ in self._given.values())
            if unused >= _UNUSED_MOST:
                raise Refused(
                    "too many tickets for consoles were asked for and not used",
                    hint=f"try again in {LIFE_S:g} seconds",
                )
            self._given[_hash(token)] = (admission, now + LIFE_S)
        return token

    def take(self, token: str, kind: ConsoleKind, bearer: str) -> Admission:
        """What the ticket admits to; it is worthless from now on, also where it is refused.

        Raises:
            TicketRefused: it is not good for that.
        """
        with self._lock:
            admission, until = self._given.pop(_hash(token), (None, 0.0))
            alive = until > self._clock()
        if admission is None or not alive or (admission.kind, admission.bearer) != (kind, bearer):
            raise TicketRefused(
                "the ticket is not good for this console", hint="ask for a new one", safe=""
            )
        return admission


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
