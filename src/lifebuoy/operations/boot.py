"""Watches an instance boot: did it reach a login, is it still at it, or does it not boot?

Signs: its serial console, its guest agent, a DHCP lease, the text at which it stopped. A verdict
is given from what was seen and says so; silence within the deadline is 'still booting'.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from lifebuoy.doctor import bootlog
from lifebuoy.errors import HostTrouble
from lifebuoy.hypervisor import Domain, SerialConsole
from lifebuoy.interruption import checkpoint, sleep
from lifebuoy.model import BootVerdict

_LOGIN: Final = re.compile(rb"(^|[\r\n])[^\r\n]{0,80}\blogin: ?")
#: What a machine says that will not get further by itself.
_DEAD: Final = re.compile(
    rb"grub rescue>|grub>|Kernel panic - not syncing|\(initramfs\)|"
    rb"You are in (emergency|rescue) mode|Cannot open access to console|"
    rb"No bootable device|Boot failed: not a bootable disk|dracut:/#|"
    rb"BdsDxe: No bootable option",
    re.IGNORECASE,
)
_ESCAPES: Final = re.compile(rb"\x1b(\[[0-9;?]*[A-Za-z]|\][^\x07]*\x07|[()][A-Z0-9]|[=>78DEHMc])")
_POLL_S: Final = 1.0
#: After a dead end is seen, this much longer is waited: some lines are followed by a way on.
_SETTLE_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class BootReport:
    """What was seen of a boot; ``last_seen`` is the last text on the serial console.

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
    dead_since: float | None = None
    while True:
        serial = _read(serial, output)
        now = clock()
        verdict = judge(bytes(output))
        if verdict is BootVerdict.LOGIN:
            return told(verdict, "login on the serial console", bytes(output), now - began)
        if verdict is BootVerdict.FAILED:
            dead_since = dead_since or now
            if now - dead_since >= _SETTLE_S:
                return told(verdict, "", bytes(output), now - began)
        elif not domain.active:
            return told(BootVerdict.FAILED, "it stopped", bytes(output), now - began)
        elif _agent_answers(domain):
            return told(BootVerdict.LOGIN, "its guest agent answers", bytes(output), now - began)
        if now - began >= timeout_s:
            sign = "it has an address" if _has_address(domain) else ""
            return told(BootVerdict.BOOTING, sign, bytes(output), now - began)


def told(verdict: BootVerdict, sign: str, output: bytes, seconds: float) -> BootReport:
    """The report on what was seen, with the cause where ``output`` tells it. Pure."""
    last_seen = last_line(output) or sign
    cause = None if verdict is BootVerdict.LOGIN else bootlog.read(output).cause
    if cause is None:
        return BootReport(verdict, sign, last_seen, seconds)
    means = cause.pattern.means.rstrip(".")
    return BootReport(verdict, sign, last_seen, seconds, cause.pattern.link, means)


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
