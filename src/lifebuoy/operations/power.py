"""Start, stop and reboot an instance outside rescue mode, as the table of states allows."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from lifebuoy.errors import BadInput, ConsentNeeded, HostTrouble, Refused
from lifebuoy.hypervisor import Domain, SerialConsole
from lifebuoy.model import Action, BootVerdict, RunState, StopMode
from lifebuoy.operations import boot, unrecorded
from lifebuoy.operations.context import Context
from lifebuoy.operations.operation import JsonObject, Kind, Operation, Work
from lifebuoy.operations.plan import FORCED_TEXT, require_acceleration
from lifebuoy.operations.runner import Step
from lifebuoy.operations.stopping import stop as stop_domain
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
    """Start a stopped instance; with ``watch_s`` its boot is watched for so long. Not on record.

    Raises:
        NotAllowed: not in its state.
        AccelerationUnusable: it asks for KVM and KVM does no work on this host.
        HostTrouble: it does not start.
    """
    starting = Starting(_work(context, name, {"watch_s": watch_s}))
    _now(context, name, START, starting)
    return starting.report


def stop(context: Context, request: StopRequest) -> str:
    """Stop a running instance; how it went, in words. Not on record.

    Raises:
        NotAllowed, ConsentNeeded: see ``check_stop``.
        TimedOut: it did not shut down by itself.
    """
    check_stop(context, request)
    stopping = Stopping(_work(context, request.name, packed(request)))
    _now(context, request.name, STOP, stopping)
    return stopping.how


def reboot(context: Context, name: str) -> None:
    """Ask a running instance to reboot itself; comes back at once. Not on record.

    Raises:
        NotAllowed: not in its state.
    """
    _now(context, name, REBOOT, Rebooting(_work(context, name, {})))


def packed(request: StopRequest) -> JsonObject:
    """What is written down of a request."""
    return asdict(request) | {"mode": request.mode.value if request.mode else None}


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


class _Power:
    """What the three share: one instance, and no state but what the steps found."""

    def __init__(self, work: Work) -> None:
        self._context = work.context
        self._domain: Domain = work.context.host.domain(work.instance)
        self._asked = work.request
        self._require_in_time = work.require_in_time
        self.state: JsonObject = {}

    def close(self) -> None:
        """Nothing is held open."""


class Starting(_Power):
    """One start under way."""

    def __init__(self, work: Work) -> None:
        super().__init__(work)
        self._serial: SerialConsole | None = None

    def begin(self) -> None:
        """Refuse what may not be started, also as its time is over since it was asked for, or would
        not run."""
        _allowed(self._context, self._domain.uuid, Action.START)
        self._require_in_time()
        require_acceleration(self._context, self._domain, inspect(self._domain.xml()))
        self.state = {"report": asdict(_NOT_WATCHED)}

    def steps(self) -> list[Step]:
        """Once it is started it stays so, whatever becomes of the watching."""
        steps = [Step("start the instance", self._start)]
        if self._asked["watch_s"] > 0:
            steps.append(Step("watch the boot", self._watch, onward="It is started."))
        return steps

    def result(self) -> JsonObject:
        """What was seen of its boot."""
        return {"boot": self.state["report"]}

    @property
    def report(self) -> boot.BootReport:
        """What was seen of its boot."""
        return boot.report_of(self.state["report"])

    def close(self) -> None:
        """Let the serial console go."""
        if self._serial is not None:
            self._serial.close()
            self._serial = None

    def _start(self) -> str:
        if self._domain.active:
            return "it runs already"
        if self._asked["watch_s"] <= 0:
            self._domain.start()
            return ""
        self._domain.start(paused=True)  # so that not a byte of its serial console is missed
        try:
            self._serial = self._domain.open_serial()
        except HostTrouble as error:
            return f"its serial console cannot be watched: {error.message}"
        finally:
            self._domain.resume()
        return ""

    def _watch(self) -> str:
        report = boot.watch(self._domain, self._serial, timeout_s=self._asked["watch_s"])
        self.state["report"] = asdict(report)
        return report.words


class Stopping(_Power):
    """One stop under way."""

    def __init__(self, work: Work) -> None:
        super().__init__(work)
        mode = self._asked["mode"]
        asked: dict[str, Any] = self._asked | {"mode": StopMode(mode) if mode else None}
        self._request = StopRequest(**asked | {"name": self._domain.uuid})

    def begin(self) -> None:
        """Refuse what may not be stopped, or not so."""
        check_stop(self._context, self._request)
        self.state = {"how": ""}

    def steps(self) -> list[Step]:
        """A guest that was asked to shut down cannot be asked not to."""
        return [Step("stop the instance", self._stop)]

    def result(self) -> JsonObject:
        """How it went."""
        return {"how": self.how}

    @property
    def how(self) -> str:
        """How it went, in words."""
        return str(self.state["how"])

    def _stop(self) -> str:
        request = self._request
        self.state["how"] = stop_domain(self._domain, request.effective_mode, request.timeout_s)
        return self.how


class Rebooting(_Power):
    """One reboot. Whoever is cut short right after asking for it asks once more."""

    def begin(self) -> None:
        """Refuse what may not be rebooted."""
        _allowed(self._context, self._domain.uuid, Action.REBOOT)
        self.state = {}

    def steps(self) -> list[Step]:
        """It is not waited for."""
        return [Step("ask it to reboot", self._domain.reboot)]

    def result(self) -> JsonObject:
        """Nothing is known of how it goes."""
        return {}


def _work(context: Context, name: str, request: JsonObject) -> Work:
    return Work(context, context.host.domain(name).uuid, request)


def _now(context: Context, name: str, kind: Kind[Any], operation: Operation) -> None:
    """Do it under the instance's lock, not on record."""
    domain = context.host.domain(name)
    with unrecorded.told_plainly(), unrecorded.done(context, domain, kind, operation):
        pass  # nothing more is asked of it under the lock


def _allowed(context: Context, name: str, action: Action) -> Domain:
    domain = context.host.domain(name)
    require(action, record.state_of(domain, record.read(domain)), domain.name)
    return domain


START: Final = Kind("start", 1, "start", Starting)
STOP: Final = Kind("stop", 1, "stop", Stopping)
REBOOT: Final = Kind("reboot", 1, "reboot", Rebooting)
