"""The steps of leaving rescue mode: back to exactly the definition, autostart flag and run state.

The mark stays in the definition until all is done, so that a leaving cut short is gone on with
from the domain alone. ``state`` holds no definition: before the switch the way back is in the
domain's metadata, after it the domain has it.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field, replace
from typing import Final

from lifebuoy.errors import (
    AgentUnavailable,
    CannotRescue,
    DefinitionChanged,
    HostTrouble,
    NotFound,
    StillMounted,
)
from lifebuoy.hypervisor import Domain, Host, SerialConsole
from lifebuoy.image.catalogue import OURS
from lifebuoy.model import Action, BootVerdict, ChangePolicy, Phase, Stay, StopMode
from lifebuoy.operations import boot
from lifebuoy.operations.operation import JsonObject, Work
from lifebuoy.operations.runner import Step
from lifebuoy.operations.stopping import stop
from lifebuoy.policy import require
from lifebuoy.rescue import changes, definition, media, record
from lifebuoy.rescue.markup import parse
from lifebuoy.rescue.traits import inspect

_UNMOUNT_S: Final = 60.0
_FOREIGN_STOP_S: Final = 15.0
_AGENT_S: Final = 4.0  # right after connecting to a libvirt, the agent's channel takes a moment


@dataclass(frozen=True, slots=True)
class LeaveRequest:
    """``changes`` says what happens to edits somebody made to the definition during the stay.

    ``force`` leaves even while file systems of the guest are mounted; ``keep_nvram`` takes the
    rescue system's UEFI variables over; ``watch_s`` is how long the boot is watched, 0 for not.
    """

    name: str
    force: bool = False
    changes: ChangePolicy = ChangePolicy.REFUSE
    keep_nvram: bool = False
    watch_s: float = 120.0


@dataclass(frozen=True, slots=True)
class Left:
    """How an instance came out. ``differences`` is empty when all is as it was recorded."""

    stay: Stay
    boot: boot.BootReport
    differences: tuple[str, ...] = ()
    kept_changes: tuple[str, ...] = field(default=())


def require_stay(domain: Domain) -> Stay:
    """The stay to leave; one whose entering or leaving was cut short counts too."""
    stay = record.read(domain)
    if stay is None:
        require(Action.EXIT_RESCUE, record.state_of(domain, stay), domain.name)
        raise AssertionError("the policy lets nobody leave from outside rescue mode")
    if parse(stay.original).findtext("uuid") != domain.uuid:
        raise CannotRescue(
            f"'{domain.name}' carries the record of another instance (it was cloned during rescue "
            "mode?)",
            hint="take the element lifebuoy:rescue out of its metadata (virsh edit)",
        )
    return stay


def edits_of(domain: Domain, stay: Stay) -> list[str]:
    """The lines of a diff of what somebody edited in the definition during the stay."""
    return changes.diff(stay.defined, domain.xml()) if stay.defined else []


class Leaving:
    """One leaving under way: what its steps share."""

    def __init__(self, work: Work, request: LeaveRequest) -> None:
        self._host: Host = work.context.host
        self._request = request
        self._domain: Domain = self._host.domain(work.instance)
        self._serial: SerialConsole | None = None
        self._target: str | None = None  # secrets in it: for this process alone
        self.state: JsonObject = {}

    def begin(self) -> None:
        """Look at the stay and at what was edited; refuse what the user must decide."""
        stay = require_stay(self._domain)
        edits = edits_of(self._domain, stay)
        if edits and self._request.changes is ChangePolicy.REFUSE:
            raise DefinitionChanged(self._domain.name, edits)
        self._target = self._found_target(stay)
        traits = inspect(self._target)
        verdict = BootVerdict.NOT_WATCHED if stay.was_running else BootVerdict.NOT_STARTED
        self.state = {
            "stay": asdict(replace(stay, original="", defined="")),
            "edits": edits,
            "cut": self._domain.active and not self._is_original_running(stay),
            "uefi": traits.uefi,
            "nvram": traits.nvram,
            "target": _fingerprint(self._target),
            "boot": asdict(boot.BootReport(verdict)),
            "differences": [],
            "nvram_changed": False,
        }

    def steps(self) -> list[Step]:
        """All steps in order. From the cut on nothing is undone: asking again goes on."""
        entered = self._stay.phase is Phase.RESCUE
        onward = f"It is on its way out; go on: lifebuoy rescue exit {self._domain.name}"
        steps = [Step("note that it is left", self._mark, self._unmark if entered else None)]
        if self.state["cut"]:
            steps += [
                Step("flush and unmount", self._unmount),
                Step("stop the rescue system", self._cut, onward=onward),
            ]
        if self._request.keep_nvram:
            steps.append(Step("take the UEFI variables over", self._keep_nvram))
        steps += [
            Step("switch the definition back", self._define, onward=onward),
            Step("remove the stay's media", self._remove_media),
        ]
        if self.state["uefi"] and not self._request.keep_nvram:
            steps.append(Step("look at the UEFI variables", self._look_at_nvram))
        if self._stay.was_running:
            steps.append(Step("start the instance", self._start))
        steps += [
            Step("finish", self._finish),
            Step("compare with what was recorded", self._compare),
        ]
        if self._stay.was_running and self._request.watch_s > 0:
            steps.append(Step("watch the boot", self._watch))
        return steps

    def outcome(self) -> Left:
        """What was reached."""
        kept = self._request.changes is ChangePolicy.KEEP
        return Left(
            self._stay,
            boot.report_of(self.state["boot"]),
            tuple(self.state["differences"]),
            tuple(self.state["edits"]) if kept else (),
        )

    def result(self) -> JsonObject:
        """What was reached, for the record."""
        left = self.outcome()
        return {
            "session": left.stay.session,
            "since": left.stay.since,
            "was_running": left.stay.was_running,
            "boot": self.state["boot"],
            "differences": list(left.differences),
            "kept_changes": list(left.kept_changes),
        }

    def close(self) -> None:
        """Let the serial console go."""
        if self._serial is not None:
            self._serial.close()
            self._serial = None

    # What they share

    @property
    def _stay(self) -> Stay:
        """The stay as it was when this began, without its definitions."""
        facts = self.state["stay"]
        return Stay(**facts | {"phase": Phase(facts["phase"]), "volumes": tuple(facts["volumes"])})

    def _own_definition(self) -> str:
        """The definition to come back to, with its secrets."""
        if self._target is None:
            stay = record.read(self._domain)
            if stay is None:  # all but the last words are done
                self._target = self._domain.xml(secure=True)
            else:
                self._target = self._found_target(stay)
        return self._target

    def _found_target(self, stay: Stay) -> str:
        secure = self._domain.xml(secure=True)
        original = stay.original
        if self._request.changes is ChangePolicy.KEEP and edits_of(self._domain, stay):
            original = changes.keep(original, stay.defined, secure)
        return definition.with_passwords(original, secure)

    def _is_original_running(self, stay: Stay) -> bool:
        """Whether its own system runs: an entering cut short had not stopped it yet, or a leaving
        cut short had started it again."""
        return stay.phase is not Phase.RESCUE and not definition.boots_rescue(
            self._domain.xml(live=True)
        )

    # The steps

    def _mark(self) -> None:
        record.write(self._domain, replace(require_stay(self._domain), phase=Phase.EXIT))

    def _unmark(self) -> None:
        record.write(self._domain, replace(require_stay(self._domain), phase=Phase.RESCUE))

    def _unmount(self) -> str:
        agent = self._domain.agent
        if not self._domain.active:
            return "it does not run any more"
        if not definition.boots_rescue(self._domain.xml(live=True)):
            return "the rescue system was not started"
        try:
            if not agent.wait(_AGENT_S):
                return "no agent answers: it is cut off as it is"
            done = agent.run(["/usr/sbin/system-umount", "--all"], timeout_s=_UNMOUNT_S)
        except (AgentUnavailable, HostTrouble) as error:
            if self._request.force or not agent.wait(_AGENT_S):
                return "the rescue system does not answer: it is cut off as it is"
            return f"not possible in this rescue system ({error.message})"
        if done.status == 0:
            return "nothing of the instance is mounted"
        if self._request.force:
            return "still in use; left all the same, as asked"
        raise StillMounted(
            "a file system of the instance is still in use:\n"
            + done.stderr.decode(errors="replace").strip()[-1500:],
            hint="end what uses it (system-umount in the rescue system), or leave all the same: "
            "--force",
        )

    def _cut(self) -> str:
        # An owner's image without the agent may have mounted disks: it is asked first. Ours has
        # nothing mounted any more; with --force either is told to go all the same.
        foreign = self._stay.image != OURS and not self._request.force
        if foreign and self._domain.active and not self._domain.agent.ping(1):
            return stop(self._domain, StopMode.SOFT_FIRST, _FOREIGN_STOP_S)
        self._domain.destroy()
        return ""

    def _keep_nvram(self) -> str:
        original = self.state["nvram"]
        if original is None:
            return "none: this instance boots by BIOS"
        try:
            self._host.write_file(
                original, self._host.store.read(media.nvram_name(self._stay.session))
            )
        except NotFound:
            return "they were taken over before"
        return str(original)

    def _define(self) -> None:
        # Asked again from here on, there is nothing to compare, and kept edits are not lost.
        target = self._own_definition()
        leaving = replace(
            require_stay(self._domain),
            phase=Phase.EXIT,
            original=definition.original_of(target),
            defined="",
        )
        self._host.define(definition.with_stay(target, leaving))

    def _remove_media(self) -> None:
        media.remove(self._host, self._stay.volumes)

    def _look_at_nvram(self) -> str:
        """Before the start: the firmware writes to them from then on."""
        nvram, recorded = self.state["nvram"], self._stay.nvram_sha256
        if not recorded or nvram is None:
            return "there were none"
        if self._domain.active:
            return "it runs already"
        self.state["nvram_changed"] = media.nvram_differs(self._host, nvram, recorded)
        return "not as recorded" if self.state["nvram_changed"] else "as recorded"

    def _start(self) -> str:
        if self._domain.active:
            return "it runs already"
        if self._request.watch_s <= 0:
            self._domain.start()
            return ""
        self._domain.start(paused=True)
        try:
            self._serial = self._domain.open_serial()
        except HostTrouble as error:  # then the boot is watched by other signs
            return f"its serial console cannot be watched: {error.message}"
        finally:
            self._domain.resume()
        return ""

    def _finish(self) -> None:
        target = self._own_definition()
        self._domain.autostart = self._stay.autostart
        record.erase(self._host, self._domain, target)

    def _compare(self) -> str:
        found: list[str] = []
        now = self._domain.xml(secure=True)
        if (
            not changes.same(self._own_definition(), now)
            or _fingerprint(now) != (self.state["target"])
        ):
            found.append("the definition differs from the one recorded")
        if self._domain.autostart != self._stay.autostart:
            found.append("the autostart flag differs")
        if self._domain.active != self._stay.was_running:
            found.append("the run state differs")
        if self.state["nvram_changed"]:
            found.append(f"the UEFI variables were written to meanwhile ({self.state['nvram']})")
        left = [name for name in self._stay.volumes if self._host.store.find(name)]
        if left:
            found.append(f"media of the stay are left: {', '.join(left)}")
        self.state["differences"] = found
        return "; ".join(found) or "definition, autostart, media and run state are as recorded"

    def _watch(self) -> str:
        report = boot.watch(self._domain, self._serial, timeout_s=self._request.watch_s)
        self.state["boot"] = asdict(report)
        return report.words


def _fingerprint(xml: str) -> str:
    """Tells one definition from another without saying what is in it; secrets do not count."""
    return hashlib.sha256(changes.settled(definition.original_of(xml)).encode()).hexdigest()
