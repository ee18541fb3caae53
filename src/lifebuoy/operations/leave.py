"""Leaving rescue mode: back to exactly the definition, autostart flag and run state of before.

Needs nothing but the domain itself: its metadata carries the way back. The mark stays in the
definition until all is done, so that a leaving cut short is gone on with by asking again.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
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
from lifebuoy.operations import boot, lock
from lifebuoy.operations.context import Context
from lifebuoy.operations.enter import stop
from lifebuoy.operations.runner import Listener, Step, nobody, run
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


def leave(context: Context, request: LeaveRequest, listener: Listener = nobody) -> Left:
    """Bring an instance out of rescue mode.

    Raises:
        NotAllowed: it is not in rescue mode.
        DefinitionChanged: somebody edited the definition; ``edits`` holds them.
        StepFailed: carrying StillMounted, among others.
    """
    domain = context.host.domain(request.name)
    stay = _require_stay(domain)
    if stay.phase is not Phase.RESCUE and lock.holder(context.host.store, domain.uuid) is not None:
        require(Action.EXIT_RESCUE, stay.phase.state, domain.name)
    with lock.held(context.host.store, domain.uuid, domain.name, "leave rescue mode"):
        stay = _require_stay(domain)  # somebody else may have left until the lock was ours
        edits = changes.diff(stay.defined, domain.xml()) if stay.defined else []
        if edits and request.changes is ChangePolicy.REFUSE:
            raise DefinitionChanged(domain.name, edits)
        leaving = _Leaving(context.host, request, domain, stay, edits)
        try:
            run(leaving.steps(), listener)
        finally:
            leaving.close()
        return leaving.outcome()


def _require_stay(domain: Domain) -> Stay:
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


class _Leaving:
    """One leaving under way: what its steps share."""

    def __init__(
        self, host: Host, request: LeaveRequest, domain: Domain, stay: Stay, edits: list[str]
    ) -> None:
        self._host = host
        self._request = request
        self._domain = domain
        self._stay = stay
        self._edits = edits
        self._secure = domain.xml(secure=True)
        self._serial: SerialConsole | None = None
        self._report = boot.BootReport(
            BootVerdict.NOT_WATCHED if stay.was_running else BootVerdict.NOT_STARTED
        )
        self._differences: list[str] = []
        self._nvram_changed = False
        self._target = self._final_definition()

    def _final_definition(self) -> str:
        original = self._stay.original
        if self._edits and self._request.changes is ChangePolicy.KEEP:
            original = changes.keep(original, self._stay.defined, self._secure)
        return definition.with_passwords(original, self._secure)

    def steps(self) -> list[Step]:
        """All steps in order. From the cut on nothing is undone: asking again goes on."""
        entered = self._stay.phase is Phase.RESCUE
        onward = f"It is on its way out; go on: lifebuoy rescue exit {self._domain.name}"
        steps = [Step("note that it is left", self._mark, self._unmark if entered else None)]
        if self._domain.active and not self._is_original_running():
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
        if inspect(self._target).uefi and not self._request.keep_nvram:
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
            self._report,
            tuple(self._differences),
            tuple(self._edits) if kept else (),
        )

    def close(self) -> None:
        """Let the serial console go."""
        if self._serial is not None:
            self._serial.close()
            self._serial = None

    def _is_original_running(self) -> bool:
        """Whether its own system runs: an entering cut short had not stopped it yet, or a leaving
        cut short had started it again."""
        return self._stay.phase is not Phase.RESCUE and not definition.boots_rescue(
            self._domain.xml(live=True)
        )

    def _mark(self) -> None:
        record.write(self._domain, replace(self._stay, phase=Phase.EXIT))

    def _unmark(self) -> None:
        record.write(self._domain, self._stay)

    def _unmount(self) -> str:
        agent = self._domain.agent
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
        if foreign and not self._domain.agent.ping(1):
            return stop(self._domain, StopMode.SOFT_FIRST, _FOREIGN_STOP_S)
        self._domain.destroy()
        return ""

    def _keep_nvram(self) -> str:
        original = inspect(self._stay.original).nvram
        if original is None:
            return "none: this instance boots by BIOS"
        try:
            self._host.write_file(
                original, self._host.store.read(media.nvram_name(self._stay.session))
            )
        except NotFound:
            return "they were taken over before"
        return original

    def _define(self) -> None:
        # Asked again from here on, there is nothing to compare, and kept edits are not lost.
        leaving = replace(
            self._stay,
            phase=Phase.EXIT,
            original=definition.original_of(self._target),
            defined="",
        )
        self._host.define(definition.with_stay(self._target, leaving))

    def _remove_media(self) -> None:
        media.remove(self._host, self._stay.volumes)

    def _look_at_nvram(self) -> str:
        """Before the start: the firmware writes to them from then on."""
        nvram = inspect(self._target).nvram
        if not self._stay.nvram_sha256 or nvram is None:
            return "there were none"
        if self._domain.active:
            return "it runs already"
        self._nvram_changed = media.nvram_differs(self._host, nvram, self._stay.nvram_sha256)
        return "not as recorded" if self._nvram_changed else "as recorded"

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
        self._domain.autostart = self._stay.autostart
        if self._domain.active:
            record.erase(self._domain)
        self._host.define(self._target)

    def _compare(self) -> str:
        found: list[str] = []
        if not changes.same(self._target, self._domain.xml(secure=True)):
            found.append("the definition differs from the one recorded")
        if self._domain.autostart != self._stay.autostart:
            found.append("the autostart flag differs")
        if self._domain.active != self._stay.was_running:
            found.append("the run state differs")
        nvram = inspect(self._target).nvram
        if self._nvram_changed:
            found.append(f"the UEFI variables were written to meanwhile ({nvram})")
        left = [name for name in self._stay.volumes if self._host.store.find(name)]
        if left:
            found.append(f"media of the stay are left: {', '.join(left)}")
        self._differences = found
        return "; ".join(found) or "definition, autostart, media and run state are as recorded"

    def _watch(self) -> str:
        self._report = boot.watch(self._domain, self._serial, timeout_s=self._request.watch_s)
        return self._report.words
