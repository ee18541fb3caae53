"""Why an open console ends, and how its WebSocket says so."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Ending(StrEnum):
    """Said to whoever looks, and in the audit log."""

    LEFT = "left"  # who had it open closed it
    STOPPED = "stopped"  # the instance ended, or is in a state without a console
    TAKEN = "taken"  # somebody else has the serial console
    SIGNED_OUT = "signed-out"  # the session, key, account or right is no more
    TOO_MANY = "too-many"  # as many are open as may be
    REFUSED = "refused"  # it cannot be had
    LOST = "lost"  # the way to the host or the instance broke
    MISUSED = "misused"  # what came is not of the protocol
    SERVER_ENDS = "server-ends"


#: WebSocket's own codes, and such as are ours to choose.
CODES: Final = {
    Ending.LEFT: 1000,
    Ending.SERVER_ENDS: 1012,
    Ending.STOPPED: 4001,
    Ending.TAKEN: 4002,
    Ending.SIGNED_OUT: 4003,
    Ending.TOO_MANY: 4004,
    Ending.REFUSED: 4005,
    Ending.LOST: 4006,
    Ending.MISUSED: 4007,
}
