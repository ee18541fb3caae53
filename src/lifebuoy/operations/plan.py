"""Everything that can refuse entering, asked before anything is touched; and what would change."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from lifebuoy.errors import (
    AccelerationUnusable,
    BadInput,
    CannotRescue,
    ConsentNeeded,
    HostTrouble,
    Refused,
)
from lifebuoy.hypervisor import Domain, Host, kvm
from lifebuoy.image import Image
from lifebuoy.model import Action, InstanceState, RunState, StopMode
from lifebuoy.operations import backup_within
from lifebuoy.operations.context import Context
from lifebuoy.policy import check_password, require
from lifebuoy.rescue import changes, definition, media, record
from lifebuoy.rescue.media import Wanted
from lifebuoy.rescue.traits import Traits, inspect

FORCED_TEXT: Final = (
    "A forced shutdown can lose data that was not written yet and can damage the file system. "
    "Shutting the instance down from inside first is safer."
)
_KEY: Final = re.compile(
    r"(ssh-(ed25519|rsa)|ecdsa-sha2-nistp(256|384|521)|sk-(ssh-ed25519|ecdsa-sha2-nistp256)"
    r"@openssh\.com) [A-Za-z0-9+/]+=* ?[^\n]*"
)
_SCRIPT_MAX: Final = 96 * 1024


@dataclass(frozen=True, slots=True)
class EnterRequest:
    """What the user asks for. ``password`` never appears in a representation of this.

    ``stop_timeout_s`` is the time given to a clean shutdown, ``timeout_s`` that to the rescue
    system until it is ready. ``script`` runs in the rescue system by bash once it is ready.
    ``backup``: a backup point is made before the rescue system starts.
    """

    name: str
    password: str = field(repr=False)
    ssh_keys: tuple[str, ...] = ()
    stop: StopMode = StopMode.SOFT_FIRST
    consent: bool = False
    image: str | None = None
    wait: bool = True
    stop_timeout_s: float = 60.0
    timeout_s: float = 300.0
    discard_saved: bool = False
    script: bytes = b""
    backup: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What entering would do, found out without touching anything."""

    image: Image
    was_running: bool
    traits: Traits
    difference: str


def check_input(request: EnterRequest) -> None:
    """Refuse what is wrong with the request itself.

    Raises:
        BadInput: password rule, SSH keys, script, times.
    """
    check_password(request.password)
    for key in request.ssh_keys:
        if not _KEY.fullmatch(key):
            raise BadInput(
                "that is no public SSH key", hint="a line like: ssh-ed25519 AAAA... (a .pub file)"
            )
    if len(request.script) > _SCRIPT_MAX:
        raise BadInput(f"the script is larger than {_SCRIPT_MAX // 1024} KiB")
    if request.timeout_s <= 0 or request.stop_timeout_s <= 0:
        raise BadInput("a time must be greater than 0 seconds")


def plan(context: Context, request: EnterRequest) -> Plan:
    """All checks in the order in which they cost little; nothing is changed.

    Whether somebody else is at work is not among them: that is decided when it begins.

    Raises:
        LifebuoyError: a subclass that says what stands in the way.
    """
    check_input(request)
    return checks(context, request)


def checks(context: Context, request: EnterRequest) -> Plan:
    """Those that look at the instance, the image and the host; for whoever holds the lock.

    Raises:
        LifebuoyError: a subclass that says what stands in the way.
    """
    domain = context.host.domain(request.name)
    was_running = require_state(domain, request)
    xml = domain.xml(secure=True)
    traits = inspect(xml)
    image = context.catalogue.get(request.image)
    definition.refuse_if_impossible(xml, image_arch=image.arch, min_memory_mib=image.min_memory_mib)
    require_acceleration(context, domain, traits)
    _require_disks(context.host, traits)
    if request.backup:
        backup_within.require_possible(context.host, domain)
    context.catalogue.verify(image.id)
    media.require_room(context.host, Wanted.of(image))
    preview = definition.rescue_of(
        xml,
        definition.RescueMedia(image_path=image.media_name, seed_path="seed.iso"),
        min_memory_mib=image.min_memory_mib,
    )
    difference = changes.definition_diff(definition.original_of(xml), preview)
    return Plan(image, was_running, traits, difference)


def require_acceleration(context: Context, domain: Domain, traits: Traits) -> None:
    """Pass if the definition asks for no KVM, or for a KVM that does real work.

    Raises:
        AccelerationUnusable: with what to do.
    """
    if traits.virt_type != "kvm":
        return
    try:
        verdict = kvm.probe(context.host, cache_dir=context.cache_dir)
    except HostTrouble:
        return  # not known; QEMU's own start will tell
    if not verdict.usable:
        raise AccelerationUnusable(
            f"'{domain.name}' is of type kvm, and KVM does not work on this host: {verdict.reason}",
            hint="see: lifebuoy host check. Enable virtualisation there, or set the instance to "
            "emulation: virsh edit, <domain type='qemu'>",
        )


def require_state(domain: Domain, request: EnterRequest) -> bool:
    """Whether the instance runs.

    Raises:
        NotAllowed, CannotRescue, Refused, ConsentNeeded: it cannot enter as it is.
    """
    state = record.state_of(domain, record.read(domain))
    require(Action.ENTER_RESCUE, state, domain.name)
    if not domain.persistent:
        raise CannotRescue(
            f"'{domain.name}' is transient: it has no definition to come back to",
            hint="make it persistent: virsh define with its dumpxml",
        )
    if domain.has_managed_save and not request.discard_saved:
        raise Refused(
            f"'{domain.name}' was saved (managed save); resuming that after a repair would damage "
            "the disk",
            hint="start it and shut it down, or give its saved memory up: --discard-saved",
        )
    if domain.run_state() is RunState.PAUSED:
        raise Refused(
            f"'{domain.name}' is paused", hint=f"virsh resume {domain.name}, or shut it down"
        )
    running = state is InstanceState.RUNNING
    if running and request.stop is not StopMode.SOFT and not request.consent:
        raise ConsentNeeded(
            f"'{domain.name}' is running and must be stopped to enter rescue mode. {FORCED_TEXT}",
            hint="shut it down first, or consent to a forced shutdown: --consent-force; "
            "or allow a clean one only: --stop soft",
        )
    return running


def _require_disks(host: Host, traits: Traits) -> None:
    for disk in traits.disks:
        if disk.type == "file" and disk.source and host.file_exists(disk.source) is False:
            raise CannotRescue(
                f"the file of disk {disk.target} is missing: {disk.source}",
                hint="bring it back, or take the disk out of the definition (virsh edit)",
            )
