"""What there is to read of an instance that does not boot: its serial log, its screen as it is now.

Looks only: nothing is changed or stopped, and no key is sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from lifebuoy.doctor import bootlog, screen
from lifebuoy.doctor.evidence import Evidence, weighed
from lifebuoy.doctor.screen import Screen, ScreenState
from lifebuoy.errors import HostTrouble, LifebuoyError, NotAllowed, NotFound
from lifebuoy.hypervisor import Domain, Host
from lifebuoy.rescue import record
from lifebuoy.rescue.traits import inspect


class ScreenFound(StrEnum):
    """What could be had of a screen."""

    TEXT = "text"
    BLANK = "blank"
    GRAPHICS = "graphics"
    OFF = "off"
    NONE = "none"
    OUT_OF_REACH = "out-of-reach"


_NOTHING: Final = frozenset({ScreenFound.OFF, ScreenFound.NONE, ScreenFound.OUT_OF_REACH})


@dataclass(frozen=True, slots=True)
class ScreenLook:
    """What a look at a screen gave; ``why`` it is out of reach, else empty."""

    found: ScreenFound
    screen: Screen
    why: str = ""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """``serial_log`` is the file that was read, None where none could be."""

    serial_log: str | None
    look: ScreenLook
    evidence: Evidence


def require_outside(host: Host, name: str) -> None:
    """Pass outside rescue mode: in it the last that was said is the rescue system's.

    Raises:
        NotAllowed: it is in rescue mode.
    """
    domain = host.domain(name)
    if (stay := record.read(domain)) is not None:
        raise NotAllowed(
            f"'{domain.name}' is in rescue mode ({record.state_of(domain, stay)}), and what its "
            "serial port and screen say is the rescue system's",
            hint=f"look at its disks: lifebuoy doctor {domain.name}",
        )


def diagnose(host: Host, name: str) -> Diagnosis:
    """Read what there is.

    Raises:
        NotFound: there is nothing to read, and why.
    """
    domain = host.domain(name)
    active = domain.active
    traits = inspect(domain.xml(live=active))
    path = traits.serial_log
    look = _look_at_screen(domain, active=active, has_video=traits.has_video)
    on_screen = bootlog.read(look.screen.text.encode()) if look.screen.text else None
    on_serial = None
    try:
        on_serial = bootlog.read(host.read_file(path)) if path else None
    except LifebuoyError:
        if on_screen is None:
            raise
        path = None  # told by its absence; the screen was read
    if on_serial is None and look.found in _NOTHING:
        raise NotFound(f"'{domain.name}' keeps no log of its serial port, and {words(look)}")
    return Diagnosis(path, look, weighed(on_serial, on_screen))


def _look_at_screen(domain: Domain, *, active: bool, has_video: bool) -> ScreenLook:
    """What its screen shows now."""
    nothing = Screen(ScreenState.BLANK)
    if not has_video:
        return ScreenLook(ScreenFound.NONE, nothing)
    if not active:
        return ScreenLook(ScreenFound.OFF, nothing)
    try:
        seen = screen.read(domain.screenshot())
    except HostTrouble as error:
        return ScreenLook(ScreenFound.OUT_OF_REACH, nothing, error.message)
    return ScreenLook(ScreenFound(seen.state.value), seen)


def words(look: ScreenLook) -> str:
    """What became of the look, as part of a sentence."""
    size = f"{look.screen.width}x{look.screen.height}"
    return {
        ScreenFound.TEXT: f"its screen was read ({size})",
        ScreenFound.BLANK: "its screen is blank (consoles go dark after minutes without a key)",
        ScreenFound.GRAPHICS: f"its screen shows graphics or an unknown font ({size})",
        ScreenFound.OFF: "it does not run, so its screen shows nothing",
        ScreenFound.NONE: "it has no screen",
        ScreenFound.OUT_OF_REACH: f"its screen is out of reach: {look.why}",
    }[look.found]
