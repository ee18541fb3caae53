"""The steps of entering rescue mode, in order, each with its undo.

Everything that can refuse has refused before the first step; the forced stop comes as late as it
can. The one switch is a single ``defineXML``; from the mark before it on, the domain itself says
what was and how to come back.

``state`` holds neither the password nor a definition: whoever goes on in another process reads
the definitions from the domain again, and finds the seed with the password's hash in the store.
Nor need they have the rescue image, once it is on the host.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Final

from lifebuoy.errors import HostTrouble, TimedOut
from lifebuoy.hypervisor import Completed, Domain, Host
from lifebuoy.image import ImageKind
from lifebuoy.model import Phase, Stay
from lifebuoy.operations import images
from lifebuoy.operations.backup_within import PointWithin
from lifebuoy.operations.operation import JsonObject, Work
from lifebuoy.operations.plan import EnterRequest, checks, require_state
from lifebuoy.operations.runner import Step
from lifebuoy.operations.seeding import Secrets, place_seed, take_seed_away
from lifebuoy.operations.stopping import stop
from lifebuoy.rescue import access as ways
from lifebuoy.rescue import definition, media, record
from lifebuoy.rescue.access import Access, Seen
from lifebuoy.rescue.media import Wanted
from lifebuoy.rescue.traits import inspect

_SCRIPT_S: Final = 1800.0
#: The step after which nothing but the host needs to know the password.
SEEDED: Final = "prepare the password and keys"


@dataclass(frozen=True, slots=True)
class Entered:
    """An instance in rescue mode. ``script`` is what the owner's script did, if there was one."""

    stay: Stay
    access: Access
    seen: Seen | None
    script: Completed | None = None


class Entering:
    """One entering under way: what its steps share."""

    def __init__(self, work: Work, request: EnterRequest) -> None:
        self._context = work.context
        self._host: Host = work.context.host
        self._request = request
        self._secrets = work.secrets if isinstance(work.secrets, Secrets) else Secrets()
        self._upload = work.progress
        self._domain: Domain = self._host.domain(work.instance)
        self._before: str | None = None  # secrets in it: for this process alone
        self._access: Access | None = None
        self._script: Completed | None = None
        self.state: JsonObject = {}

    def begin(self) -> None:
        """The state may have changed between the checks and the lock: asked once more."""
        credentials = self._secrets.make()
        checked = self._secrets.checked or checks(self._context, self._request)
        session = self._context.new_session()
        self._before = self._domain.xml(secure=True)
        self.state = {
            "session": session,
            "since": self._context.timestamp(),
            "was_running": require_state(self._domain, self._request),
            "autostart": self._domain.autostart,
            "saved": self._domain.has_managed_save,
            "image": asdict(Wanted.of(checked.image)),
            "host_key": credentials.host_key.public,
            "nvram_sha256": "",
            "paths": {},
            "seen": None,
            "backup": self._context.new_session()[:8] if self._request.backup else "",
        }

    def steps(self) -> list[Step]:
        """All steps in order; optional ones only where they have something to do."""
        steps = [
            # The mark names the media before they are made: whoever is killed leaves none behind.
            Step("note what was", self._mark, self._unmark),
            Step("place the rescue image", self._place_image),
            Step(SEEDED, self._place_seed, self._remove_media),
        ]
        if self.state["was_running"]:
            steps.append(Step("stop the instance", self._stop, self._start_again))
        if self.state.get("backup"):
            steps.append(Step("make a backup point", self._back_up, self._settle_backup))
        steps += [
            Step("copy the UEFI variables", self._place_nvram),
            Step("switch the definition", self._define, self._define_back),
        ]
        if self.state["saved"]:  # late: it cannot be undone
            steps.append(Step("give the saved memory up", self._drop_saved))
        steps.append(Step("start the rescue system", self._start, self._cut))
        if self._request.wait:
            steps.append(Step("wait until it can be logged in to", self._wait))
        if self._wants_script:
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

    def result(self) -> JsonObject:
        """What was reached, for the record."""
        seen = asdict(self._seen) if self._seen else None
        return {"session": self.state["session"], "image": self._image.id, "seen": seen}

    def close(self) -> None:
        """Nothing is held open."""

    # What they share

    @property
    def _wants_script(self) -> bool:
        return bool(self._request.script) or bool(self.state.get("script"))

    @property
    def _stay(self) -> Stay:
        """The stay as the domain carries it; as it will be where it does not yet."""
        found = record.read(self._domain)
        if found is not None and found.session == self.state["session"]:
            return found
        session = self.state["session"]
        return Stay(
            phase=Phase.ENTER,
            session=session,
            since=self.state["since"],
            was_running=self.state["was_running"],
            autostart=self.state["autostart"],
            image=self._image.id,
            host_key=self.state["host_key"],
            original=definition.original_of(self._own_definition()),
            volumes=(media.seed_name(session), media.nvram_name(session)),
        )

    @property
    def _image(self) -> Wanted:
        facts = self.state["image"]
        return Wanted(**(facts | {"kind": ImageKind(facts["kind"])}))

    @property
    def _seen(self) -> Seen | None:
        return Seen(**self.state["seen"]) if self.state["seen"] else None

    def _own_definition(self) -> str:
        """The instance's definition from before, with its secrets."""
        if self._before is None:
            now = self._domain.xml(secure=True)
            stay = definition.stay_of(now)
            if stay is not None and definition.boots_rescue(now):
                self._before = definition.with_passwords(stay.original, now)
            else:
                self._before = definition.without_stay(now)
        return self._before

    # The steps

    def _mark(self) -> None:
        record.write(self._domain, self._stay)

    def _unmark(self) -> None:
        self._require_own_definition()
        plain = definition.without_stay(self._domain.xml(secure=True))
        record.erase(self._host, self._domain, plain)

    def _place_image(self) -> str:
        file = images.place(self._host, self._context.catalogue, self._image, self._upload)
        self.state["paths"]["image"] = file.path
        return f"{self._image.id}, {file.size_bytes >> 20} MiB"

    def _place_seed(self) -> None:
        self.state["paths"]["seed"] = place_seed(
            self._host, self._secrets, self._domain, self.state["session"]
        )

    def _remove_media(self) -> None:
        session = self.state["session"]
        media.remove(self._host, (media.seed_name(session), media.nvram_name(session)))

    def _stop(self) -> str:
        return stop(self._domain, self._request.stop, self._request.stop_timeout_s)

    def _start_again(self) -> None:
        self._require_own_definition()
        if not self._domain.active:
            self._domain.start()

    def _back_up(self) -> str:
        self._require_mark()
        made = self._point.make()
        self._before = None  # its disks are others now
        return made

    def _settle_backup(self) -> None:
        self._point.settle()
        self._before = None

    @property
    def _point(self) -> PointWithin:
        id, since = self.state["backup"], self.state["since"]
        return PointWithin(self._host, self._domain, self._upload, id, since)

    def _place_nvram(self) -> str:
        traits = inspect(self._own_definition())
        if not traits.uefi:
            return "none: this instance boots by BIOS"
        session = self.state["session"]
        self._host.store.remove(media.nvram_name(session), wipe=True)  # from a try cut short
        copy = media.place_nvram(self._host, session, traits.nvram) if traits.nvram else None
        if copy is None:
            self.state["paths"]["nvram"] = self._fresh_nvram()
            return "the firmware makes fresh ones: the instance has none yet"
        file, digest = copy
        self.state["paths"]["nvram"] = file.path
        self.state["nvram_sha256"] = digest
        return "the instance's own stay unwritten"

    def _fresh_nvram(self) -> str:
        """A path beside the seed where QEMU's template is copied to at the first start."""
        seed, name = self.state["paths"]["seed"], media.seed_name(self.state["session"])
        path = str(seed).removesuffix(name)
        return path + media.nvram_name(self.state["session"])

    def _define(self) -> None:
        self._require_mark()
        paths = self.state["paths"]
        places = definition.RescueMedia(
            image_path=paths["image"], seed_path=paths["seed"], nvram_path=paths.get("nvram")
        )
        rescue = definition.rescue_of(
            self._own_definition(), places, min_memory_mib=self._image.min_memory_mib
        )
        stay = replace(self._stay, nvram_sha256=self.state["nvram_sha256"])
        self._host.define(definition.with_stay(rescue, stay))
        defined = definition.original_of(self._domain.xml(secure=True))
        record.write(self._domain, replace(stay, defined=defined))

    def _define_back(self) -> None:
        self._host.define(self._own_definition())

    def _require_own_definition(self) -> None:
        """Else the mark, which carries it, must stay, and a start would be the rescue system's."""
        if definition.boots_rescue(self._domain.xml()):
            raise HostTrouble("its own definition is not back; the domain carries it")

    def _drop_saved(self) -> None:
        if self._domain.has_managed_save:
            self._domain.drop_managed_save()

    def _start(self) -> None:
        self._require_mark()
        if self._domain.active:  # who was cut short here has started it
            if definition.boots_rescue(self._domain.xml(live=True)):
                return
            raise HostTrouble(f"'{self._domain.name}' was started by somebody else meanwhile")
        self._domain.start()

    def _cut(self) -> None:
        """Never the instance's own system, which somebody else may have started meanwhile."""
        if self._domain.active and definition.boots_rescue(self._domain.xml(live=True)):
            self._domain.destroy()

    def _require_mark(self) -> None:
        """Whoever goes on with this later may find that somebody has put the instance back."""
        found = record.read(self._domain)
        if found is None or found.session != self.state["session"]:
            raise HostTrouble(
                f"somebody else took '{self._domain.name}' out of rescue mode meanwhile"
            )

    def _wait(self) -> str:
        self._require_mark()
        ours = self._image.kind is ImageKind.LIFEBUOY
        stay = self._stay
        found, seen = ways.wait(
            lambda: ways.find(self._host, self._domain, stay.host_key, open_way=True),
            self._domain,
            self._secrets.password or None,
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
        self._access = found
        self.state["seen"] = asdict(seen)
        return seen.words

    def _run_script(self) -> str:
        if not self._request.script:
            return "not run: only the process that has ended had it"
        self._script = self._domain.agent.run(
            ["/bin/bash", "-s"], stdin=self._request.script, timeout_s=_SCRIPT_S
        )
        return f"exit status {self._script.status}"

    def _take_seed_away(self) -> str:
        seen = self._seen
        if seen is None or not (seen.agent or seen.ssh):
            return "kept until leaving: it cannot be seen whether it was read"
        take_seed_away(self._host, self._domain, self._stay)
        return "ejected, wiped and deleted"

    def _finish(self) -> None:
        self._require_mark()
        record.write(self._domain, replace(self._stay, phase=Phase.RESCUE))
