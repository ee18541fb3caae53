"""Which console of an instance is meant."""

from __future__ import annotations

from enum import StrEnum


class ConsoleKind(StrEnum):
    """A way to see and type."""

    VNC = "vnc"  # the screen
    SERIAL = "serial"
