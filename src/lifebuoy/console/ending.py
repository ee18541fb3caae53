"""Why an open console ends."""

from __future__ import annotations

from enum import StrEnum


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
