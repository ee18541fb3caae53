"""Rescue mode as a user meets it, timed: a BIOS guest of the lab on an embedded libvirt."""

from __future__ import annotations

import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from lxml import etree

from lab import definition
from lab.layout import Layout
from lifebuoy.errors import HostTrouble, TimedOut
from lifebuoy.hypervisor import Domain, Host
from lifebuoy.model import StopMode
from lifebuoy.operations.context import Context
from lifebuoy.operations.enter import enter
from lifebuoy.operations.leave import LeaveRequest, leave
from lifebuoy.operations.plan import EnterRequest
from lifebuoy.operations.runner import StepEvent, StepState

NAME: Final = "bench"
PASSWORD: Final = "Rescue-Bench-1"
START_STEP: Final = "start the rescue system"
LOGIN_STEP: Final = "wait until it can be logged in to"
GUEST_START_STEP: Final = "start the instance"
#: The first words that come from the guest's own disk, after the firmware's.
FIRST_WORDS: Final = b"GRUB"
_POLL_S: Final = 0.02
_BOOT_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Entering:
    """Seconds of entering from stopped: the whole to an accepted SSH login, and QEMU's part."""

    to_login: float
    boot_to_login: float
    steps: dict[str, float]


@dataclass(frozen=True, slots=True)
class Leaving:
    """Seconds from 'exit' to the first line from the guest's own disk on its serial port."""

    to_first_line: float
    steps: dict[str, float]


@dataclass(slots=True)
class _Times:
    """When each step began and ended, as events come in."""

    began: float = field(default_factory=time.monotonic)
    started: dict[str, float] = field(default_factory=dict)
    done: dict[str, float] = field(default_factory=dict)

    def __call__(self, event: StepEvent) -> None:
        if event.state is StepState.STARTED:
            self.started[event.step] = time.monotonic()
        elif event.state is StepState.DONE:
            self.done[event.step] = time.monotonic()

    @property
    def steps(self) -> dict[str, float]:
        """Seconds of each step that was done."""
        return {name: round(end - self.started[name], 3) for name, end in self.done.items()}


def define(host: Host, disk: Path, *, domain_type: str, serial_log: Path) -> Domain:
    """The guest, its serial port written to ``serial_log`` as well."""
    xml = definition.domain_xml(
        Layout.BIOS, disk, name=NAME, uuid=str(uuid.uuid4()), domain_type=domain_type
    )
    root = etree.fromstring(xml)
    serial = root.find("devices/serial")
    assert serial is not None
    etree.SubElement(serial, "log", file=str(serial_log), append="off")
    return host.define(etree.tostring(root, encoding="unicode"))


def from_stopped(context: Context) -> Entering:
    """Enter from stopped, log in, leave again; raises HostTrouble where SSH was not seen."""
    times = _Times()
    entered = enter(context, EnterRequest(NAME, PASSWORD), times)
    if entered.seen is None or not entered.seen.ssh:
        raise HostTrouble("the rescue system was entered, but SSH did not accept the password")
    leave(context, LeaveRequest(NAME, watch_s=0))
    at_login = times.done[LOGIN_STEP]
    return Entering(at_login - times.began, at_login - times.started[START_STEP], times.steps)


def to_running(context: Context, domain: Domain, serial_log: Path) -> Leaving:
    """Leave a stay that was entered while the guest ran, until the guest boots again.

    The guest is stopped when this returns.

    Raises:
        TimedOut: its first line did not come.
    """
    domain.start()
    enter(context, EnterRequest(NAME, PASSWORD, stop=StopMode.HARD, consent=True))
    times = _Times()

    failed = threading.Event()

    def listen(event: StepEvent) -> None:
        if event.step == GUEST_START_STEP and event.state is StepState.STARTED:
            serial_log.unlink(missing_ok=True)  # the rescue system's; its QEMU is gone by now
        times(event)

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(_first_line, serial_log, times, failed)
        try:
            leave(context, LeaveRequest(NAME, watch_s=0), listen)
        except BaseException:
            failed.set()
            raise
        seen = first.result()
    domain.destroy()
    return Leaving(seen - times.began, times.steps)


def _first_line(serial_log: Path, times: _Times, failed: threading.Event) -> float:
    """When the guest's first words were on its serial port (time.monotonic())."""
    deadline = times.began + _BOOT_S
    while time.monotonic() < deadline and not failed.wait(_POLL_S):
        starts = GUEST_START_STEP in times.started
        if starts and serial_log.exists() and FIRST_WORDS in serial_log.read_bytes():
            return time.monotonic()
    raise TimedOut(f"the guest said nothing within {_BOOT_S:.0f} s of leaving rescue mode")
