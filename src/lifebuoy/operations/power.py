"""Start, stop and reboot an instance outside rescue mode, as the table of states allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lifebuoy.errors import BadInput, ConsentNeeded, HostTrouble, Refused
from lifebuoy.hypervisor import Domain, SerialConsole
from lifebuoy.model import Action, BootVerdict, RunState, StopMode
from lifebuoy.operations import boot, enter, lock
from lifebuoy.operations.context import Context
from lifebuoy.operations.plan import FORCED_TEXT, require_acceleration
from lifebuoy.policy import require
from lifebuoy.rescue import record
from lifebuoy.rescue.traits import inspect

_NOT_WATCHED: Final = boot.BootReport(BootVerdict.NOT_WATCHED)


@dataclass(frozen=True, slots=True)
class StopRequest:
    """``mode`` None: soft without consent, soft-first with it. ``timeout_s`` is for the soft."""

    name: str
    mode: StopMode | None = None
    consent: bool = False
    timeout_s: float = 60.0

    @property
    def effective_mode(self) -> StopMode:
        """The mode that counts."""
        if self.mode is not None:
            return self.mode
        return StopMode.SOFT_FIRST if self.consent else StopMode.SOFT


def start(context: Context, name: str, *, watch_s: float = 0.0) -> boot.BootReport:
    """Start a stopped instance; with ``watch_s`` its boot is watched for so long.

    Raises:
        NotAllowed: not in its state.
        AccelerationUnusable: it asks for KVM and KVM does no work on this host.
    """
    domain = _allowed(context, name, Action.START)
    require_acceleration(context, domain, inspect(domain.xml()))
    with lock.held(context.host.store, domain.uuid, domain.name, "start"):
        _allowed(context, name, Action.START)
        if watch_s <= 0:
            domain.start()
            return _NOT_WATCHED
        serial = _start_with_console(domain)
    try:
        return boot.watch(domain, serial, timeout_s=watch_s)
    finally:
        if serial is not None:
            serial.close()


def stop(context: Context, request: StopRequest) -> str:
    """Stop a running instance; how it went, in words.

    Raises:
        NotAllowed, ConsentNeeded: see ``check_stop``.
        TimedOut: it did not shut down by itself.
    """
    domain = check_stop(context, request)
    with lock.held(context.host.store, domain.uuid, domain.name, "stop"):
        check_stop(context, request)
        return enter.stop(domain, request.effective_mode, request.timeout_s)


def check_stop(context: Context, request: StopRequest) -> Domain:
    """The instance, if it may be stopped so.

    Raises:
        NotAllowed: not in its state.
        ConsentNeeded: a mode that may cut it off, without consent.
    """
    if request.timeout_s <= 0:
        raise BadInput("a time must be greater than 0 seconds")
    mode = request.effective_mode
    domain = _allowed(context, request.name, Action.STOP)
    if mode is not StopMode.SOFT and not request.consent:
        raise ConsentNeeded(
            f"'{domain.name}' may be cut off by --stop {mode}. {FORCED_TEXT}",
            hint="consent to it: --consent-force; or allow a clean shutdown only: --stop soft",
        )
    if domain.run_state() is RunState.PAUSED and mode is not StopMode.HARD:
        raise Refused(
            f"'{domain.name}' is paused and cannot shut down by itself",
            hint=f"virsh resume {domain.name}, or cut it off: --stop hard --consent-force",
        )
    return domain


def reboot(context: Context, name: str) -> None:
    """Ask a running instance to reboot itself; comes back at once.

    Raises:
        NotAllowed: not in its state.
    """
    domain = _allowed(context, name, Action.REBOOT)
    with lock.held(context.host.store, domain.uuid, domain.name, "reboot"):
        _allowed(context, name, Action.REBOOT)
        domain.reboot()


def _allowed(context: Context, name: str, action: Action) -> Domain:
    domain = context.host.domain(name)
    require(action, record.state_of(domain, record.read(domain)), domain.name)
    return domain


def _start_with_console(domain: Domain) -> SerialConsole | None:
    """Start it so that not a byte of its serial console is missed; None if it has none."""
    domain.start(paused=True)
    try:
        return domain.open_serial()
    except HostTrouble:
        return None
    finally:
        domain.resume()
