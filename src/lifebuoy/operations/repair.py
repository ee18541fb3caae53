"""Mending what the doctor found, repair by repair, and taking a repair back.

Each repair is a step, so that it can be stopped between two, and gone on with by another process.
All of them are one run for the doctor, which keeps what it replaces: stopped or failed, the whole
run is taken back.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Final

from lifebuoy.doctor.calling import EXAMINE_S, REPAIR_S, Doctor, Medium
from lifebuoy.doctor.report import Finding, Plan, Report, Risk, Severity
from lifebuoy.errors import AgentUnavailable, HostTrouble, Refused
from lifebuoy.hypervisor import Domain
from lifebuoy.image.catalogue import OURS
from lifebuoy.interruption import checked_by, deferred, never
from lifebuoy.model import Action
from lifebuoy.operations.context import Context
from lifebuoy.operations.operation import JsonObject, Kind, Work
from lifebuoy.operations.runner import Step
from lifebuoy.operations.supplying import NOTHING, Brought, Supplying
from lifebuoy.policy import require
from lifebuoy.rescue import record

#: a connection just opened finds the agent a moment later
_ANSWER_S: Final = 10.0
#: how often something may come to light behind what was mended
_MOST_ROUNDS: Final = 20
#: The step after which nothing but the host needs to have the packages.
HANDED_OVER: Final = "hand the packages over"


@dataclass(frozen=True, slots=True)
class RepairRequest:
    """``only`` are ids of findings; none: all that is ill and can be mended without
    a high risk. ``packages`` are brought for it; ``offline`` downloads none. ``encrypted``: it
    needs a ``Secret``."""

    only: tuple[str, ...] = ()
    examine_s: float = EXAMINE_S
    repair_s: float = REPAIR_S
    packages: Brought = NOTHING
    offline: bool = False
    encrypted: bool = False


@dataclass(frozen=True, slots=True)
class UndoRequest:
    """Takes the last repair back. ``encrypted``: it needs a ``Secret``."""

    examine_s: float = EXAMINE_S
    repair_s: float = REPAIR_S
    encrypted: bool = False


@dataclass(frozen=True, slots=True)
class Secret:
    """The passphrase of the instance's disks, which only the process knows that was asked."""

    passphrase: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Repaired:
    """What came of it. ``failed`` are ids with the reason; ``report`` is what is left."""

    run: str
    mended: tuple[str, ...]
    failed: tuple[tuple[str, str], ...]
    report: Report


def doctor_of(domain: Domain, action: Action, passphrase: bytes = b"") -> Doctor:
    """The doctor in the instance's rescue system.

    Raises:
        NotAllowed: the instance is not in rescue mode.
        AgentUnavailable: the rescue system does not answer.
    """
    stay = record.read(domain)
    require(action, record.state_of(domain, stay), domain.name)
    if not domain.active or not domain.agent.wait(_ANSWER_S):
        own = stay is not None and stay.image != OURS
        raise AgentUnavailable(
            f"the rescue system of '{domain.name}' does not answer",
            hint="it was started from an image of your own, which needs the guest agent and the "
            "doctor: leave, and enter with the image of Lifebuoy"
            if own
            else "wait until it has started, look at its screen (lifebuoy vnc), or leave and "
            "enter again",
        )
    return Doctor(domain.agent, domain.name, passphrase)


def examine(
    context: Context, name: str, seconds: float = EXAMINE_S, passphrase: bytes = b""
) -> Report:
    """What the doctor finds on the disks of an instance in rescue mode; nothing is changed.

    Raises:
        LifebuoyError: see ``doctor_of`` and ``Doctor.examine``.
    """
    return doctor_of(context.host.domain(name), Action.CHECK, passphrase).examine(seconds)


def require_packages(context: Context, name: str, brought: Brought) -> None:
    """Pass if these packages can be brought to an instance in rescue mode; nothing is changed.

    Raises:
        LifebuoyError: see ``doctor_of`` and ``Supplying.require``.
    """
    domain = context.host.domain(name)
    doctor_of(domain, Action.REPAIR)
    if brought.paths:
        Supplying(context.host, domain, brought).require()


def chosen(report: Report, only: tuple[str, ...]) -> list[Finding]:
    """The findings to be mended, one for each id, in the order in which they are.

    Where none is named, those that are ill and can be mended without a high risk.
    """
    found: dict[str, Finding] = {}
    for finding in report.findings:
        if finding.repair is None:
            continue
        ill = finding.severity is not Severity.NOTE and finding.repair.risk is not Risk.HIGH
        if finding.id in only if only else ill:
            found.setdefault(finding.id, finding)
    return sorted(found.values(), key=_turn)


def risky(report: Report) -> list[Finding]:
    """What is mended only where it is named."""
    return [one for one in report.findings if one.repair and one.repair.risk is Risk.HIGH]


def preview(
    context: Context, name: str, ids: Sequence[str], request: RepairRequest, passphrase: bytes
) -> Plan:
    """What mending the findings ``ids`` would change; nothing is changed, nothing downloaded.

    Raises:
        LifebuoyError: see ``doctor_of`` and ``Doctor.plan``.
    """
    if not ids:
        return Plan(difference=())
    doctor = doctor_of(context.host.domain(name), Action.REPAIR, passphrase)
    return replace(doctor, offline=request.offline).plan(ids, request.examine_s)


def _turn(finding: Finding) -> int:
    return finding.repair.turn if finding.repair else 0


class Repairing:
    """One repair under way."""

    def __init__(self, work: Work) -> None:
        self._domain = work.context.host.domain(work.instance)
        self._request = _unpacked(work.request)
        self._supplying = Supplying(work.context.host, self._domain, self._request.packages)
        self._secret = work.secrets if isinstance(work.secrets, Secret) else None
        self._progress = work.progress
        self._report: Report | None = None  # the newest of this process
        self.state: JsonObject = {}

    def begin(self) -> None:
        """Look: what is found, and what of it is mended in which order."""
        if self._request.packages.paths:
            self._doctor()
            self._supplying.require()
        self._report = self._doctor().examine(self._request.examine_s)
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        self.state = {
            "run": f"{now}-{secrets.token_hex(2)}",
            "plan": [one.id for one in chosen(self._report, self._request.only)],
            "mended": [],
            "failed": [],
            "stops_boot": self._report.headline,
            "medium": None,
        }

    def steps(self) -> list[Step]:
        """One for each finding, then what came to light behind them, then the proof."""
        if not self.state["plan"]:
            return []
        undo: Callable[[], object] | None = self._take_back
        supplying = self._supplying
        steps = []
        if self._request.packages.paths:
            steps.append(Step(HANDED_OVER, self._hand_over, supplying.take_away))
        for id_ in self.state["plan"]:
            steps.append(Step(f"mend {id_}", partial(self._mend, id_), undo))
            undo = None  # one run for all: it is taken back at once
        if not self._request.only:
            steps.append(Step("mend what came to light", self._mend_the_rest))
        if self._request.packages.paths:
            steps.append(Step("take the packages away", supplying.take_away_if_possible))
        return [*steps, Step("look again", self._look_again)]

    def outcome(self) -> Repaired:
        """What was reached."""
        report = self._report or self._doctor().examine(self._request.examine_s)
        failed = tuple((id_, why) for id_, why in self.state["failed"])
        mended = tuple(dict.fromkeys(self.state["mended"]))
        return Repaired(self.state["run"], mended, failed, report)

    def result(self) -> JsonObject:
        """What was reached, for the record."""
        known = ("run", "mended", "failed", "stops_boot")
        return {key: self.state[key] for key in known}

    @property
    def session(self) -> str:
        """Which stay in rescue mode it is made in."""
        stay = record.read(self._domain)
        return stay.session if stay else ""

    @property
    def report(self) -> Report | None:
        """The newest look of this process; None where something was changed since."""
        return self._report

    def close(self) -> None:
        """Nothing is held open."""

    def _doctor(self) -> Doctor:
        return _with_passphrase(self._domain, self._request, self._secret, "")

    def _hand_over(self) -> str:
        medium = self._supplying.hand_over(self._progress)
        self.state["medium"] = asdict(medium)
        return "in the drive of the rescue system"

    def _mend(self, id_: str) -> str:
        self._progress(self.state["plan"].index(id_), len(self.state["plan"]))
        return self._mended(id_)

    def _mend_the_rest(self) -> str:
        """What could not be seen before, behind a damaged table or file system."""
        tried = set(self.state["plan"])
        for _ in range(_MOST_ROUNDS):
            self._report = self._doctor().examine(self._request.examine_s)
            fresh = [one.id for one in chosen(self._report, ()) if one.id not in tried]
            if not fresh:
                break
            tried.add(fresh[0])
            self._mended(fresh[0])
        more = [one for one in self.state["mended"] if one not in self.state["plan"]]
        return ", ".join(more) or "nothing did"

    def _mended(self, id_: str) -> str:
        self._report = None
        with deferred(), checked_by(never):  # it is stopped between two repairs, not within one
            left = self._mender().mend(self.state["run"], [id_], self._request.repair_s)
        done = left.done
        assert done is not None
        self.state["failed"] += [[one.id, one.why] for one in done.failed]
        if done.failed:
            return "; ".join(f"not mended: {one.why}" for one in done.failed)[:300]
        if not done.mended and any(one.id == id_ for one in left.findings):
            return "it is not as it was found any more: left as it is"
        self.state["mended"].append(id_)
        return "" if done.mended else "mended before"

    def _mender(self) -> Doctor:
        medium = Medium(**self.state["medium"]) if self.state["medium"] else None
        return replace(self._doctor(), medium=medium, offline=self._request.offline)

    def _look_again(self) -> str:
        if self._report is None:  # else nothing was changed since
            self._report = self._doctor().examine(self._request.examine_s)
        self.state["stops_boot"] = self._report.headline
        first = self._report.first
        return f"it does not boot: {first.seen}" if first else "nothing stops the boot"

    def _take_back(self) -> None:
        doctor = self._doctor()
        if self.state["run"] in doctor.runs(self._request.examine_s):
            doctor.take_back(self.state["run"], self._request.repair_s)


class TakingBack:
    """One taking back of the last repair under way."""

    def __init__(self, work: Work) -> None:
        self._domain = work.context.host.domain(work.instance)
        asked = work.request
        self._request = UndoRequest(
            float(asked["examine_s"]), float(asked["repair_s"]), bool(asked.get("encrypted"))
        )
        self._secret = work.secrets if isinstance(work.secrets, Secret) else None
        self.state: JsonObject = {}

    def begin(self) -> None:
        """Find which repair was the last."""
        runs = self._doctor().runs(self._request.examine_s)
        if not runs:
            raise Refused(
                f"no repair of '{self._domain.name}' can be taken back",
                hint="a backup point made before brings everything back: lifebuoy backup list",
            )
        self.state = {"run": runs[-1]}

    def steps(self) -> list[Step]:
        """One, which can be gone on with."""
        onward = f"Go on: lifebuoy repair {self._domain.name} --undo"
        return [Step("take the repair back", self._take_back, onward=onward)]

    def result(self) -> JsonObject:
        """Which repair it was."""
        return {"run": self.state["run"]}

    def close(self) -> None:
        """Nothing is held open."""

    def _doctor(self) -> Doctor:
        return _with_passphrase(self._domain, self._request, self._secret, " --undo")

    def _take_back(self) -> str:
        doctor = self._doctor()
        if self.state["run"] not in doctor.runs(self._request.examine_s):
            return "done before"
        with deferred(), checked_by(never):
            doctor.take_back(self.state["run"], self._request.repair_s)
        return str(self.state["run"])


def _with_passphrase(
    domain: Domain, request: RepairRequest | UndoRequest, secret: Secret | None, words: str
) -> Doctor:
    if request.encrypted and secret is None:
        raise HostTrouble(
            "the process that knew the passphrase has ended, and it is written down nowhere",
            hint=f"ask again with it: lifebuoy repair {domain.name}{words} --passphrase",
            safe="What was mended before is whole, and can be taken back with --undo.",
        )
    return doctor_of(domain, Action.REPAIR, secret.passphrase if secret else b"")


def packed(request: RepairRequest | UndoRequest) -> JsonObject:
    """What is written down of a request: never the passphrase."""
    asked = asdict(request)
    if isinstance(request, RepairRequest):
        brought = {"paths": list(request.packages.paths), "identity": request.packages.identity}
        asked |= {"only": list(request.only), "packages": brought}
    return asked


def _unpacked(asked: JsonObject) -> RepairRequest:
    brought = asked["packages"]
    return RepairRequest(
        tuple(asked["only"]),
        float(asked["examine_s"]),
        float(asked["repair_s"]),
        Brought(tuple(brought["paths"]), str(brought["identity"])),
        bool(asked["offline"]),
        bool(asked.get("encrypted")),
    )


REPAIR: Final = Kind("repair", 2, "repair", Repairing)
UNDO: Final = Kind("repair-undo", 1, "take a repair back", TakingBack)
