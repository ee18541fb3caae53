"""The doctor's report as the host takes it: parsed strictly, as what sends it is not trusted.

Whatever the bytes are, the answer is a report within limits, its texts fit for a terminal, or
GuestReportUnusable. Each list ends at its first bad item: a million errors would take minutes.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    FailFast,
    Field,
    ValidationError,
    model_validator,
)

from lifebuoy.errors import GuestReportUnusable

MOST_BYTES: Final = 4 << 20  # a hundred times what a badly broken system gives
_MOST_TEXT: Final = 12_000
_MOST_FINDINGS: Final = 1000


class Link(StrEnum):
    """One link of the chain that a boot is, in the order of the boot."""

    FIRMWARE = "firmware"
    PARTITION_TABLE = "partition-table"
    BOOT_LOADER = "boot-loader"
    KERNEL = "kernel"
    INITRAMFS = "initramfs"
    ROOT_FILE_SYSTEM = "root-file-system"
    BASE_SYSTEM = "base-system"
    INIT = "init"
    LOGIN = "login"
    NETWORK = "network"


class Health(StrEnum):
    """What a link is found to be."""

    SOUND = "sound"
    BROKEN = "broken"
    DOUBTFUL = "doubtful"
    NOT_REACHED = "not-reached"


class Severity(StrEnum):
    """What a finding means for the next boot."""

    NOTE = "note"
    WARNING = "warning"
    STOPS_BOOT = "stops-boot"


class Risk(StrEnum):
    """What a repair can make worse."""

    NONE = "none"
    LOW = "low"
    HIGH = "high"


def escaped(text: str) -> str:
    """The text with everything that is not printable as an escape; a tab becomes a space."""
    return "".join(
        char if char.isprintable() else " " if char == "\t" else _escape(char) for char in text
    )


def _escape(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


Text = Annotated[str, Field(max_length=_MOST_TEXT), AfterValidator(escaped)]
Id = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,63}\z")]
RunName = Annotated[str, Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z-]{0,63}\z")]
Count = Annotated[int, Field(ge=0, lt=1 << 63)]


class _Strict(BaseModel):
    model_config = ConfigDict(
        strict=True,
        extra="ignore",
        frozen=True,
        allow_inf_nan=False,
        defer_build=True,  # every command imports this, few read a report
    )


class Evidence(_Strict):
    """One fact seen: where, at which byte, what it should be and what it is."""

    place: Text
    offset: Count | None
    expected: Text
    found: Text


class Repair(_Strict):
    """What mends a finding. Those of a lower ``turn`` go first."""

    summary: Text
    risk: Risk
    turn: Annotated[int, Field(ge=0, le=3)]
    plan: Annotated[tuple[Text, ...], Field(max_length=50), FailFast()]


class Finding(_Strict):
    """Something that a check saw; ``repair`` is None where the doctor cannot mend it safely."""

    id: Id
    severity: Severity
    seen: Text
    why: Text
    evidence: Annotated[tuple[Evidence, ...], Field(max_length=20), FailFast()]
    repair: Repair | None
    by_hand: Annotated[tuple[Text, ...], Field(max_length=100), FailFast()]


class LinkReport(_Strict):
    """The state of one link, with what was found in it and which checks could not be done."""

    link: Link
    health: Health
    findings: Annotated[tuple[Finding, ...], Field(max_length=_MOST_FINDINGS), FailFast()]
    unfinished: Annotated[tuple[Text, ...], Field(max_length=100), FailFast()]
    not_applicable: Annotated[tuple[Id, ...], Field(max_length=100), FailFast()] = ()

    @model_validator(mode="after")
    def _agrees(self) -> LinkReport:
        stops = any(one.severity is Severity.STOPS_BOOT for one in self.findings)
        if stops is not (self.health is Health.BROKEN):
            raise ValueError("a link is broken where a finding stops the boot, and only there")
        return self


class Failure(_Strict):
    """A repair that could not be made."""

    id: Id
    why: Text


class Done(_Strict):
    """What a repair did: ``undo`` is where the replaced bytes are, empty where nothing was done."""

    run: RunName
    mended: Annotated[tuple[Id, ...], Field(max_length=_MOST_FINDINGS), FailFast()]
    failed: Annotated[tuple[Failure, ...], Field(max_length=_MOST_FINDINGS), FailFast()]
    undo: Text


class Report(_Strict):
    """What the doctor found. ``done`` is there after a repair; the chain is what is left then."""

    version: Literal[1] = Field(alias="schema")
    headline: Id | None
    system: Text
    family: Literal["debian", "rpm", "alpine", "arch", "other"] = "other"
    root: Text
    firmware: Literal["bios", "uefi"]
    disks: Annotated[tuple[Text, ...], Field(max_length=256), FailFast()]
    chain: Annotated[tuple[LinkReport, ...], Field(max_length=len(Link)), FailFast()]
    seconds: Annotated[float, Field(ge=0, le=1e9)]
    peak_memory_kib: Count
    done: Done | None = Field(default=None, alias="repair")

    @model_validator(mode="after")
    def _agrees(self) -> Report:
        if [one.link for one in self.chain] != list(Link):
            raise ValueError("the chain has other links than a boot has")
        first = self.first
        if self.headline != (first.id if first else None):
            raise ValueError("the headline is not the first finding that stops the boot")
        return self

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, first link first."""
        return tuple(finding for link in self.chain for finding in link.findings)

    @property
    def first(self) -> Finding | None:
        """The first finding that stops the boot."""
        stopping = (one for one in self.findings if one.severity is Severity.STOPS_BOOT)
        return next(stopping, None)

    def as_json(self) -> dict[str, Any]:
        """The documented shape: docs/schema/doctor.json."""
        left_out = None if self.done else {"done"}
        return self.model_dump(mode="json", by_alias=True, exclude=left_out)


class Runs(_Strict):
    """The repairs that can be taken back, oldest first."""

    version: Literal[1] = Field(alias="schema")
    runs: Annotated[tuple[RunName, ...], Field(max_length=10_000), FailFast()]


class Origin(StrEnum):
    """Where a package that a repair needs would come from."""

    CACHE = "cache"
    GIVEN = "given"
    REPOSITORY = "repository"
    UNLISTED = "unlisted"
    NOWHERE = "nowhere"


class Wanted(_Strict):
    """A package that the repair of the finding ``id`` takes files from."""

    id: Id
    package: Text
    version: Text
    architecture: Text
    origin: Origin


class Plan(_Strict):
    """What a repair would change, as lines of a diff, and what it needs for that."""

    version: Literal[1] = Field(default=1, alias="schema")
    difference: Annotated[tuple[Text, ...], Field(max_length=100_000), FailFast()]
    packages: Annotated[tuple[Wanted, ...], Field(max_length=_MOST_FINDINGS), FailFast()] = ()


_ReadT = TypeVar("_ReadT", bound=_Strict)


def parse(raw: bytes, name: str) -> Report:
    """The report of the doctor in the rescue system of ``name``.

    Raises:
        GuestReportUnusable: it is none, it is too large, or it contradicts itself.
    """
    return _read(Report, raw, name)


def parse_runs(raw: bytes, name: str) -> tuple[str, ...]:
    """The names of the repairs that can be taken back, likewise."""
    return _read(Runs, raw, name).runs


def parse_plan(raw: bytes, name: str) -> Plan:
    """What a repair would change, likewise; of an older doctor it is text without the packages."""
    if raw.lstrip()[:1] == b"{":
        return _read(Plan, raw, name)
    lines = raw.decode(errors="replace").splitlines()
    return Plan(difference=tuple(escaped(line)[:_MOST_TEXT] for line in lines[:100_000]))


def unusable(name: str, why: str) -> GuestReportUnusable:
    """The error for an answer that cannot be used; ``why`` may hold what the guest says."""
    return GuestReportUnusable(
        f"the doctor in the rescue system of '{name}' gave no report that can be used: "
        f"{escaped(why)[:300]}",
        hint="the rescue system may be of another version of Lifebuoy, or somebody changed it: "
        "leave and enter again; or log in and run `doctor` there",
    )


def _read(kind: type[_ReadT], raw: bytes, name: str) -> _ReadT:
    if len(raw) > MOST_BYTES:
        raise unusable(name, f"it is longer than {MOST_BYTES >> 20} MiB")
    try:
        return kind.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part)[:40] for part in first["loc"][:8])
        raise unusable(name, f"{where}: {first['msg']}" if where else first["msg"]) from None
