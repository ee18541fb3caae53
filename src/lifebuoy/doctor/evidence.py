"""What a machine wrote to its serial port and what its screen shows, taken together. Pure.

The screen shows what is now, and little of it; the log may be of an earlier boot, and holds all of
one. So the log names the cause where both tell of the same boot, and the screen where they do not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from lifebuoy.doctor.bootlog import Sign, Verdict

_BEFORE_KERNEL: Final = frozenset({"firmware", "partition-table", "boot-loader"})


class Place(StrEnum):
    """Where something was seen."""

    SERIAL = "serial"
    SCREEN = "screen"


@dataclass(frozen=True, slots=True)
class Evidence:
    """``cause`` is the sign to act on; ``verdicts`` are those of what could be read."""

    cause: Sign | None
    reached_login: bool
    verdicts: Mapping[Place, Verdict]

    def seen_on(self, identity: str) -> tuple[Place, ...]:
        """The places where that pattern was seen."""
        return tuple(
            place
            for place, verdict in self.verdicts.items()
            if any(sign.pattern.id == identity for sign in verdict.signs)
        )

    @property
    def signs(self) -> tuple[Sign, ...]:
        """All that was seen, each pattern once."""
        seen: dict[str, Sign] = {}
        for verdict in self.verdicts.values():
            for sign in verdict.signs:
                seen.setdefault(sign.pattern.id, sign)
        return tuple(seen.values())

    @property
    def last_line(self) -> str:
        """The last that was said; on the screen only where the serial port said nothing."""
        lines = (verdict.last_line for verdict in self.verdicts.values())
        return next((line for line in lines if line), "")


def weighed(serial: Verdict | None, screen: Verdict | None) -> Evidence:
    """The evidence of both, as far as there is any."""
    both = {Place.SERIAL: serial, Place.SCREEN: screen}
    verdicts = {place: verdict for place, verdict in both.items() if verdict is not None}
    if serial is None or screen is None:
        one = serial if serial is not None else screen
        if one is None:
            return Evidence(None, False, verdicts)
        return Evidence(one.cause, one.reached_login, verdicts)
    if screen.reached_login and screen.cause is None:
        return Evidence(None, True, verdicts)
    telling = screen if _is_newer(screen, serial) else serial
    reached = telling.reached_login or (telling.cause is None and screen.reached_login)
    return Evidence(telling.cause, reached, verdicts)


def _is_newer(screen: Verdict, serial: Verdict) -> bool:
    """Whether the screen tells of another boot than the log, or of what the log does not know."""
    if screen.cause is None:
        return False
    if serial.cause is None:
        return True
    if any(sign.pattern.id == screen.cause.pattern.id for sign in serial.signs):
        return False
    came_less_far = (
        screen.cause.pattern.link in _BEFORE_KERNEL
        and serial.cause.pattern.link not in _BEFORE_KERNEL
    )
    return came_less_far or not screen.cause.pattern.general
