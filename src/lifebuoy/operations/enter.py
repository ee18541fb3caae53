"""Entering rescue mode: the steps, in order, each with its undo.

Everything that can refuse has refused before the first step; the forced stop comes as late as it
can. The one switch is a single ``defineXML``; from the mark before it on, the domain itself says
what was and how to come back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from lifebuoy.errors import HostTrouble, TimedOut
from lifebuoy.hypervisor import Completed, Domain, Host, Progress
from lifebuoy.image import Image, ImageKind
from lifebuoy.model import Phase, Stay, StopMode
from lifebuoy.operations import images, lock
from lifebuoy.operations.context import Context
from lifebuoy.operations.plan import EnterRequest, Plan, plan, require_state
from lifebuoy.operations.runner import Listener, Step, nobody, run
from lifebuoy.rescue import access as ways
from lifebuoy.rescue import definition, media, record
from lifebuoy.rescue.access import Access, Seen
from lifebuoy.rescue.cdrom import SEED_SERIAL
from lifebuoy.rescue.markup import parse
from lifebuoy.rescue.seed import Credentials, make_credentials, seed_iso

#: how often a clean shutdown is asked for again, as guests that just boot miss the first
_ASK_AGAIN_S: Final = 15.0
_SCRIPT_S: Final = 1800.0


@dataclass(frozen=True, slots=True)
class Entered:
    """An instance in rescue mode. ``script`` is what the owner's script did, if there was one."""

    stay: Stay
    access: Access
    seen: Seen | None
    script: Completed | None = None


def enter(
    context: Context,
    request: EnterRequest,
    listener: Listener = nobody,
    upload: Progress | None = None,
) -> Entered:
    """Bring an instance into rescue mode; back as it was if that fails.

    ``upload`` is told the bytes done and in all while the image goes to the host.

    Raises:
        LifebuoyError: from the checks, with nothing touched; StepFailed after the roll-back.
    """
    checked = plan(context, request)
    domain = context.host.domain(request.name)
    with lock.held(context.host.store, domain.uuid, domain.name, "enter rescue mode"):
        checked = plan_again(request, checked, domain)
        entering = _Entering(context, request, checked, domain, upload)
        run(entering.steps(), listener)
        return entering.outcome()


def plan_again(request: EnterRequest, checked: Plan, domain: Domain) -> Plan:
    """The state may have changed between the checks and the lock: asked once more."""
    return replace(checked, was_running=require_state(domain, request))


class _Entering:
    """One entering under way: what its steps share."""

    def __init__(
        self,
        context: Context,
        request: EnterRequest,
        checked: Plan,
        domain: Domain,
        upload: Progress | None,
    ) -> None:
        self._host: Host = context.host
        self._request = request
        self._image: Image = checked.image
        self._traits = checked.traits
        self._was_running = checked.was_running
        self._domain = domain
        self._upload = upload
        session = context.new_session()
        self._credentials: Credentials = make_credentials(request.password, request.ssh_keys)
        self._before = domain.xml(secure=True)
        self._paths: dict[str, str] = {}
        self._seen: Seen | None = None
        self._access: Access | None = None
        self._script: Completed | None = None
        self._stay = Stay(
            phase=Phase.ENTER,
            session=session,
            since=context.timestamp(),
            was_running=self._was_running,
            autostart=domain.autostart,
            image=self._image.id,
            host_key=self._credentials.host_key.public,
            original=definition.original_of(self._before),
            volumes=(media.seed_name(session), media.nvram_name(session)),
        )

    def steps(self) -> list[Step]:
        """All steps in order; optional ones only where they have something to do."""
        steps = [
            # The mark names the media before they are made: whoever is killed leaves none behind.
            Step("note what was", self._mark, self._unmark),
            Step("place the rescue image", self._place_image),
            Step("prepare the password and keys", self._place_seed, self._remove_media),
        ]
        if self._was_running:
            steps.append(Step("stop the instance", self._stop, self._start_again))
        steps += [
            Step("copy the UEFI variables", self._place_nvram),
            Step("switch the definition", self._define, self._define_back),
        ]
        if self._domain.has_managed_save:  # late: it cannot be undone
            steps.append(Step("give the saved memory up", self._domain.drop_managed_save))
        steps += [
            Step("start the rescue system", self._start, self._domain.destroy),
        ]
        if self._request.wait:
            steps.append(Step("wait until it can be logged in to", self._wait))
        if self._request.script:
            steps.append(Step("run the owner's script", self._run_script))
        if self._request.wait:
            steps.append(Step("take the seed away", self._take_seed_away))
        steps.append(Step("finish", self._finish))
        return steps

    def outcome(self) -> Entered:
        """What was reached."""
        found = self._access or ways.find(
            self._host, self._domain, self._stay.host_key, open_way=True
        )
        return Entered(self._stay, found, self._seen, self._script)

    def _place_image(self) -> str:
        file = images.place(self._host, self._image, self._upload)
        self._paths["image"] = file.path
        return f"{self._image.id}, {file.size_bytes >> 20} MiB"

    def _place_seed(self) -> None:
        hostname = "".join(c if c.isascii() and c.isalnum() else "-" for c in self._domain.name)
        content = seed_iso(
            self._credentials,
            hostname=(hostname.strip("-") or "instance")[:50] + "-rescue",
            session=self._stay.session,
        )
        name = media.seed_name(self._stay.session)
        self._paths["seed"] = self._host.store.put(name, content, shared=False).path

    def _remove_media(self) -> None:
        media.remove(self._host, self._stay.volumes)

    def _mark(self) -> None:
        record.write(self._domain, self._stay)

    def _unmark(self) -> None:
        plain = definition.without_stay(self._domain.xml(secure=True))
        record.erase(self._domain)
        self._host.define(plain)  # libvirt keeps an element <metadata/> that was not there before

    def _stop(self) -> str:
        return stop(self._domain, self._request.stop, self._request.stop_timeout_s)

    def _start_again(self) -> None:
        if not self._domain.active:
            self._domain.start()

    def _place_nvram(self) -> str:
        if not self._traits.uefi:
            return "none: this instance boots by BIOS"
        original = self._traits.nvram
        copy = media.place_nvram(self._host, self._stay.session, original) if original else None
        if copy is None:
            self._paths["nvram"] = self._fresh_nvram()
            return "the firmware makes fresh ones: the instance has none yet"
        file, digest = copy
        self._paths["nvram"] = file.path
        self._stay = replace(self._stay, nvram_sha256=digest)
        return "the instance's own stay unwritten"

    def _fresh_nvram(self) -> str:
        """A path beside the seed where QEMU's template is copied to at the first start."""
        seed, name = self._paths["seed"], media.seed_name(self._stay.session)
        return seed.removesuffix(name) + media.nvram_name(self._stay.session)

    def _define(self) -> None:
        places = definition.RescueMedia(
            image_path=self._paths["image"],
            seed_path=self._paths["seed"],
            nvram_path=self._paths.get("nvram"),
        )
        rescue = definition.rescue_of(
            self._before, places, min_memory_mib=self._image.min_memory_mib
        )
        self._host.define(definition.with_stay(rescue, self._stay))
        defined = definition.original_of(self._domain.xml(secure=True))
        self._stay = replace(self._stay, defined=defined)
        record.write(self._domain, self._stay)

    def _define_back(self) -> None:
        self._host.define(self._before)

    def _start(self) -> None:
        self._domain.start()

    def _wait(self) -> str:
        ours = self._image.kind is ImageKind.LIFEBUOY
        found, seen = ways.wait(
            lambda: ways.find(self._host, self._domain, self._stay.host_key, open_way=True),
            self._domain,
            self._request.password,
            timeout_s=self._request.timeout_s,
            needs_agent=ours,
        )
        if not self._domain.active:
            raise HostTrouble("the rescue system's machine stopped while starting")
        by_ssh = found.is_forwarded and not seen.obstacle
        if ours and not (seen.ssh if by_ssh else seen.agent):
            raise TimedOut(
                f"the rescue system did not answer within {self._request.timeout_s:.0f} s",
                hint="give it longer (--timeout); look at its screen meanwhile (lifebuoy vnc)",
            )
        self._access, self._seen = found, seen
        return seen.words

    def _run_script(self) -> str:
        self._script = self._domain.agent.run(
            ["/bin/bash", "-s"], stdin=self._request.script, timeout_s=_SCRIPT_S
        )
        return f"exit status {self._script.status}"

    def _take_seed_away(self) -> str:
        if self._seen is None or not (self._seen.agent or self._seen.ssh):
            return "kept until leaving: it cannot be seen whether it was read"
        take_seed_away(self._host, self._domain, self._stay)
        return "ejected, wiped and deleted"

    def _finish(self) -> None:
        self._stay = replace(self._stay, phase=Phase.RESCUE)
        record.write(self._domain, self._stay)


def stop(domain: Domain, mode: StopMode, timeout_s: float) -> str:
    """Stop a running domain the way ``mode`` says; returns how it went, in words.

    Raises:
        TimedOut: a clean stop was all that was allowed and it did not happen.
    """
    if not domain.active:
        return "it had stopped by itself"
    if mode is StopMode.HARD:
        domain.destroy()
        return "cut off"
    domain.set_poweroff_action_destroy()  # or a definition with on_poweroff=restart never stops
    waited = 0.0
    while waited < timeout_s:
        domain.shutdown()
        slice_s = min(_ASK_AGAIN_S, timeout_s - waited)
        if domain.wait_stopped(slice_s):
            return "shut down cleanly"
        waited += slice_s
    if mode is StopMode.SOFT:
        raise TimedOut(
            f"'{domain.name}' did not shut down within {timeout_s:.0f} s",
            hint="shut it down from inside, or consent to a forced shutdown (--consent-force)",
        )
    domain.destroy()
    return f"cut off: it did not shut down within {timeout_s:.0f} s"


def take_seed_away(host: Host, domain: Domain, stay: Stay) -> None:
    """Eject, wipe and delete the seed of a stay; fine if that was done before."""
    root = parse(domain.xml())
    for disk in root.iterfind("devices/disk"):
        if disk.findtext("serial") == SEED_SERIAL and disk.find("source") is not None:
            target = disk.find("target")
            if target is not None:
                domain.eject(target.get("dev", ""))
    host.store.remove(media.seed_name(stay.session), wipe=True)
