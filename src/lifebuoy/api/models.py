"""What requests and answers look like, for the OpenAPI document. As docs/schema has them, where the
command line tells the same; ``operations/shapes.py`` fills them.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, JsonValue, SecretStr

from lifebuoy.accounts.model import Permission, Role
from lifebuoy.console.kind import ConsoleKind
from lifebuoy.model import Action, ChangePolicy, InstanceState, RunState, StopMode
from lifebuoy.policy import PASSWORD_MAX, PASSWORD_MIN, PASSWORD_RULE, PASSWORD_SPECIAL
from lifebuoy.store.records import Standing

Time = Annotated[str, Field(description="ISO 8601, UTC; empty where there is none yet.")]


class Error(BaseModel):
    """A part of an answer that could not be had."""

    code: str
    message: str


class Host(BaseModel):
    """A host, and whether it answered."""

    name: str = Field(description="Empty where no host is configured.")
    uri: str
    answered: bool
    error: Error | None
    instances: int


class Hosts(BaseModel):
    """All hosts."""

    hosts: list[Host]


class Summary(BaseModel):
    """One instance of a list."""

    host: str = Field(description="The name of its host; empty where none is configured.")
    name: str
    uuid: str
    id: int | None = Field(description="libvirt's number while it runs.")
    state: InstanceState
    run_state: RunState
    memory_mib: int
    autostart: bool
    since: str = Field(description="When it entered rescue mode; empty outside it.")
    image: str
    problem: str = Field(description="Why the state cannot be trusted; empty as a rule.")


class Instances(BaseModel):
    """A page of a list."""

    instances: list[Summary]
    total: int = Field(description="How many match, on all pages.")
    next: str = Field(description="The cursor of the next page; empty on the last.")
    hosts: list[Host] = Field(description="What became of asking each host.")


class Firmware(BaseModel):
    """What boots an instance."""

    type: str
    secure_boot: bool
    nvram: str | None


class Disk(BaseModel):
    """A disk or drive of an instance."""

    target: str
    bus: str
    type: str
    device: str
    format: str
    source: str
    readonly: bool
    shareable: bool
    serial: str


class Interface(BaseModel):
    """A network interface of an instance."""

    type: str
    mac: str
    model: str


class Graphics(BaseModel):
    """A screen of an instance that runs."""

    type: str
    listen: str
    port: int | None
    socket: str | None


class Before(BaseModel):
    """What an instance was before it entered rescue mode."""

    run_state: RunState
    autostart: bool


class Access(BaseModel):
    """The ways into the rescue system."""

    user: str
    ssh_host: str | None
    ssh_port: int | None
    ssh_command: str | None
    via: str | None
    host_key: str
    fingerprint: str
    vnc: str
    serial: bool
    obstacle: str


class Rescue(BaseModel):
    """A stay in rescue mode."""

    instance: str
    state: InstanceState
    run_state: RunState
    session: str
    since: str
    image: str
    before: Before
    seed_removed: bool
    working: str
    edits: list[str]
    access: Access


class Allowed(BaseModel):
    """An action, and why it is not allowed now; ``reason`` is empty where it is."""

    action: Action
    allowed: bool
    reason: str


class Instance(Summary):
    """All about one instance."""

    persistent: bool
    saved: bool
    snapshots: int
    vcpus: int
    acceleration: str
    arch: str
    machine: str
    firmware: Firmware
    tpm: bool
    disks: list[Disk]
    interfaces: list[Interface]
    addresses: list[str]
    graphics: list[Graphics]
    screens: list[str]
    serial: bool
    serial_log: str | None
    possible: list[Action]
    rescue: Rescue | None
    actions: list[Allowed]


class Step(BaseModel):
    """A step of an operation."""

    name: str
    state: str
    began: str
    seconds: float | None
    detail: str


class Progress(BaseModel):
    """How far the step under way is, in its own units."""

    done: int
    total: int


class OperationSummary(BaseModel):
    """An operation of a list."""

    id: str
    kind: str
    instance: str
    uuid: str
    host: str
    who: str
    state: Standing
    created: Time
    started: Time
    finished: Time
    attempts: int
    cancel_requested_by: str
    no_way_back: str = Field(description="Why it cannot be cancelled any more; empty while it can.")
    progress: Progress | None
    error: dict[str, Any] | None
    result: dict[str, Any] | None


class Operation(OperationSummary):
    """An operation with its steps."""

    steps: list[Step]
    to_come: list[str] = Field(description="The steps that it has not begun.")


class Operations(BaseModel):
    """The newest operations."""

    operations: list[OperationSummary]
    next: str = Field(description="The cursor of the next page; empty on the last.")


class Given(BaseModel):
    """An instance that was given to an owner."""

    host: str
    uuid: str
    name: str


class Account(BaseModel):
    """An account of the server."""

    name: str
    role: Role
    created: Time
    instances: list[Given]


class Accounts(BaseModel):
    """All accounts."""

    accounts: list[Account]


class Session(BaseModel):
    """Whose request this is, and what it may do."""

    account: str
    role: Role
    may: list[Permission]


class ConsoleTicket(BaseModel):
    """A ticket for one console, and where to show it."""

    ticket: str = Field(description="Good once, and for the same session or API key only.")
    expires_s: float = Field(description="For how many seconds it is good.")
    path: str = Field(description="Of the WebSocket to open.")
    protocols: list[str] = Field(
        description="To offer as its subprotocols; the ticket is one, as no log has these."
    )


class EnterPlan(BaseModel):
    """What entering rescue mode would do."""

    instance: str
    image: str
    was_running: bool
    difference: str = Field(description="Of the definition, a unified diff.")


class Health(BaseModel):
    """That the server runs."""

    status: str


class Ready(Health):
    """Whether the server can do its work."""

    database: bool
    hosts: int
    connected: int


def _two_kinds() -> str:
    """The password's rule as a pattern of ECMA 262: somewhere a character stands beside one of
    another kind. The rule itself is in ``policy``, whose refusal names what was broken."""
    special = re.escape(PASSWORD_SPECIAL).replace("/", "\\/")
    kinds = ("a-z", "A-Z", "0-9", special)
    beside = "|".join(
        f"[{kind}][{''.join(other for other in kinds if other != kind)}]" for kind in kinds
    )
    return f"^[{''.join(kinds)}]*({beside})[{''.join(kinds)}]*$"


_PASSWORD: Final[dict[str, JsonValue]] = {
    "minLength": PASSWORD_MIN,
    "maxLength": PASSWORD_MAX,
    "pattern": _two_kinds(),
}


class Body(BaseModel):
    """A request: unknown keys are refused, as a misspelt consent must not be passed over."""

    model_config = ConfigDict(extra="forbid")


class Stop(Body):
    """How to stop an instance."""

    mode: StopMode | None = Field(
        default=None, description="Soft without consent, soft-first with it, where not given."
    )
    consent: bool = Field(
        default=False, description="Consent to a forced shutdown, which can lose data."
    )
    timeout_s: float = Field(default=60.0, gt=0, le=3600, allow_inf_nan=False)


class ConsoleWanted(Body):
    """Which console to open."""

    kind: ConsoleKind
    force: bool = Field(
        default=False,
        description="Take a serial console over from whoever has it open; of no use for VNC.",
    )


class Start(Body):
    """How to start an instance."""

    watch_s: float = Field(
        default=0.0,
        ge=0,
        le=3600,
        allow_inf_nan=False,
        description="Seconds to watch the boot for a login; 0: do not.",
    )


class HowToEnter(Body):
    """How to enter rescue mode, but for the password."""

    ssh_keys: list[Annotated[str, Field(max_length=3072)]] = Field(default=[], max_length=20)
    consent: bool = Field(
        default=False,
        description="Consent to a forced shutdown of an instance that runs, which can lose data.",
    )
    stop: StopMode = StopMode.SOFT_FIRST
    image: str | None = Field(default=None, max_length=200)
    backup: bool = Field(default=False, description="Make a backup point first: recommended.")
    wait: bool = Field(default=True, description="Until it can be logged in to.")
    discard_saved: bool = False
    stop_timeout_s: float = Field(default=60.0, gt=0, le=3600, allow_inf_nan=False)
    timeout_s: float = Field(default=300.0, gt=0, le=3600, allow_inf_nan=False)


class EnterRescue(HowToEnter):
    """How to enter rescue mode."""

    password: SecretStr = Field(
        max_length=200,
        description=f"For root of the rescue system: {PASSWORD_RULE}.",
        json_schema_extra=_PASSWORD,
    )


class RescuePassword(Body):
    """Another rescue password."""

    password: SecretStr = Field(
        max_length=200, description="For root of the rescue system; the rule is that of entering."
    )


class ExitRescue(Body):
    """How to leave rescue mode."""

    changes: ChangePolicy = Field(
        default=ChangePolicy.REFUSE,
        description="What becomes of edits that somebody made to the definition meanwhile.",
    )
    force: bool = Field(default=False, description="Leave even while file systems are mounted.")
    keep_nvram: bool = False
    watch_s: float = Field(default=120.0, ge=0, le=3600, allow_inf_nan=False)
