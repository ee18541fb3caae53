"""Watches an instance boot: did it reach a login, is it still at it, or does it not boot?

Signs: its serial console, its screen, its guest agent, a DHCP lease, the text at which it stopped.
A verdict is given from what was seen and says so; silence within the deadline is 'still booting'.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from lifebuoy.doctor import bootlog
from lifebuoy.doctor import screen as screens
from lifebuoy.doctor.evidence import weighed
from lifebuoy.errors import HostTrouble
from lifebuoy.hypervisor import Domain, SerialConsole
from lifebuoy.interruption import checkpoint, sleep
from lifebuoy.model import BootVerdict
from lifebuoy.rescue.traits import inspect

_LOGIN: Final = re.compile(rb"(^|[\r\n])[^\r\n]{0,80}\blogin: ?")
#: What a machine says that will not get further by itself.
_DEAD: Final = re.compile(
    rb"grub rescue>|grub>|Kernel panic - not syncing|\(initramfs\)|"
    rb"You are in (emergency|rescue) mode|Cannot open access to console|"
    rb"No bootable device|Boot failed: not a bootable disk|dracut:/#|"
    rb"BdsDxe: No bootable option|\bShell>\s*\Z|Boot Maintenance Manager",
    re.IGNORECASE,
)
_ESCAPES: Final = re.compile(rb"\x1b(\[[0-9;?]*[A-Za-z]|\][^\x07]*\x07|[()][A-Z0-9]|[=>78DEHMc])")
_POLL_S: Final = 1.0
#: After a dead end is seen, this much longer is waited: some lines are followed by a way on.
_SETTLE_S: Final = 3.0
_LOOK_S: Final = 2.0  # from one look at the screen to the next, and
_LOOK_SHARE: Final = 10.0  # this many times what a look takes: a far host's line is not filled


@dataclass(frozen=True, slots=True)
class BootReport:
    """What was seen of a boot; ``last_seen`` is the last text on the serial console, or on the
    screen where that one told more.

    ``link`` is the link of the boot chain that broke, and ``means`` says how, as far as what the
    machine said is known; both are empty where it is not.
    """

    verdict: BootVerdict
    sign: str = ""
    last_seen: str = ""
    seconds: float = 0.0
    link: str = ""
    means: str = ""

    @property
    def words(self) -> str:
        """The verdict as a sentence."""
        if self.verdict is BootVerdict.LOGIN:
            return f"reached login after {self.seconds:.0f} s ({self.sign})"
        cause = f" ({self.link.replace('-', ' ')}: {self.means})" if self.link else ""
        if self.verdict is BootVerdict.FAILED:
            return f"does not boot{cause}, last seen: {self.last_seen}"
        if self.verdict is BootVerdict.BOOTING:
            seen = f", last seen: {self.last_seen}" if self.last_seen else ""
            return f"still booting after {self.seconds:.0f} s{cause}{seen}"
        return str(self.verdict)


def report_of(facts: Mapping[str, Any]) -> BootReport:
    """The report from what ``dataclasses.asdict`` made of one, after a way through JSON."""
    return BootReport(**{**facts, "verdict": BootVerdict(facts["verdict"])})


def plain(output: bytes) -> bytes:
    """Serial output without colour codes, cursor moves and carriage returns."""
    return _ESCAPES.sub(b"", output).replace(b"\r", b"\n")


def judge(output: bytes) -> BootVerdict | None:
    """What serial output says of a boot; None while it says nothing final. Pure."""
    text = plain(output)
    if _LOGIN.search(text):
        return BootVerdict.LOGIN
    if _DEAD.search(text):
        return BootVerdict.FAILED
    return None


def last_line(output: bytes) -> str:
    """The last printed line, shortened, without control characters."""
    lines = [line.strip() for line in plain(output).decode(errors="replace").split("\n")]
    told = [line for line in lines if line]
    return "".join(c for c in told[-1] if c.isprintable())[:160] if told else ""


def watch(
    domain: Domain,
    serial: SerialConsole | None,
    *,
    timeout_s: float,
    clock: Callable[[], float] = time.monotonic,
) -> BootReport:
    """Watch ``domain`` until it is at a login, at a dead end, or ``timeout_s`` is over."""
    began = clock()
    output = bytearray()
    screen = _Screen(domain, clock)
    dead_since: float | None = None
    while True:
        serial = _read(serial, output)
        now = clock()
        said = bytes(output)
        shown = screen.look(now)
        verdict = judge(said)
        if verdict is BootVerdict.LOGIN:
            return told(verdict, "login on the serial console", said, now - began)
        if judge(shown) is BootVerdict.LOGIN:
            return told(BootVerdict.LOGIN, "login on the screen", said, now - began, shown)
        if verdict is BootVerdict.FAILED or judge(shown) is BootVerdict.FAILED:
            dead_since = dead_since or now
            if now - dead_since >= _SETTLE_S:
                return told(BootVerdict.FAILED, "", said, now - began, shown)
        elif not domain.active:
            return told(BootVerdict.FAILED, "it stopped", said, now - began, shown)
        elif _agent_answers(domain):
            return told(BootVerdict.LOGIN, "its guest agent answers", said, now - began)
        else:
            dead_since = None
        if now - began >= timeout_s:
            sign = "it has an address" if _has_address(domain) else ""
            return told(BootVerdict.BOOTING, sign, said, now - began, shown)


def told(
    verdict: BootVerdict, sign: str, output: bytes, seconds: float, shown: bytes = b""
) -> BootReport:
    """The report on what was said and what the screen shows, with the cause where they tell it.

    Pure.
    """
    last_seen = _last_seen(verdict, output, shown) or sign
    evidence = weighed(bootlog.read(output), bootlog.read(shown) if shown else None)
    cause = None if verdict is BootVerdict.LOGIN else evidence.cause
    if cause is None:
        return BootReport(verdict, sign, last_seen, seconds)
    means = cause.pattern.means.rstrip(".")
    return BootReport(verdict, sign, last_seen, seconds, cause.pattern.link, means)


def _last_seen(verdict: BootVerdict, output: bytes, shown: bytes) -> str:
    """From where the verdict comes: the screen alone, or the serial console."""
    if judge(shown) is verdict and judge(output) is not verdict:
        return last_line(shown)
    return last_line(output) or last_line(shown)


class _Screen:
    """Looks at an instance's screen now and then, for the text on it; empty where it has none."""

    def __init__(self, domain: Domain, clock: Callable[[], float]) -> None:
        self._domain = domain
        self._clock = clock
        has_video = inspect(domain.xml(live=domain.active)).has_video
        self._next: float | None = 0.0 if has_video else None
        self._picture = b""
        self._text = b""

    def look(self, now: float) -> bytes:
        """The text at the last look; looks again when it is time to."""
        if self._next is None or now < self._next or not self._domain.active:
            return self._text
        try:
            picture = self._domain.screenshot()
        except HostTrouble:  # it may have stopped; the other signs go on
            return self._text
        finally:
            after = self._clock()
            self._next = after + max(_LOOK_S, _LOOK_SHARE * (after - now))
        if picture != self._picture:
            self._picture, self._text = picture, screens.read(picture).text.encode()
        return self._text


def _read(serial: SerialConsole | None, output: bytearray) -> SerialConsole | None:
    """Add what the console says within a moment; None once there is no console any more."""
    checkpoint()
    if serial is None:
        sleep(_POLL_S)
        return None
    try:
        output += serial.read(_POLL_S)
    except (EOFError, HostTrouble):
        return None
    return serial


def _agent_answers(domain: Domain) -> bool:
    try:
        return domain.agent.ping(1)
    except HostTrouble:
        return False


def _has_address(domain: Domain) -> bool:
    try:
        return bool(domain.addresses())
    except HostTrouble:
        return False
