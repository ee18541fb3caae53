"""What the doctor says: links of the boot chain, findings with their evidence, repairs. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .change import Change
    from .patient import Patient


class Link(str, Enum):  # noqa: UP042 - StrEnum is younger than Python 3.9
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


class Health(str, Enum):  # noqa: UP042
    """What a link is found to be."""

    SOUND = "sound"
    BROKEN = "broken"
    DOUBTFUL = "doubtful"
    NOT_REACHED = "not-reached"


class Severity(str, Enum):  # noqa: UP042
    """What a finding means for the next boot."""

    NOTE = "note"
    WARNING = "warning"
    STOPS_BOOT = "stops-boot"


class Risk(str, Enum):  # noqa: UP042
    """What a repair can make worse."""

    NONE = "none"  # every replaced byte comes back with an undo
    LOW = "low"
    HIGH = "high"  # only where it is named with --only


class Dpkg(str, Enum):  # noqa: UP042
    """What a check has to do with dpkg's database, which Debian and its kin alone have."""

    UNUSED = "no"
    REPAIRS = "repairs"  # files come back from packages; without it, it says what to type
    NEEDED = "needed"  # not applicable to systems with another package manager


@dataclass(frozen=True)
class Evidence:
    """One fact seen: where (a file or a disk, and the byte offset), what it should be and is."""

    place: str
    expected: str
    found: str
    offset: int | None = None


@dataclass(frozen=True)
class Repair:
    """What mends a finding: changes in their order. Data only; ``applying`` carries it out."""

    summary: str
    changes: Sequence[Change]
    risk: Risk = Risk.NONE


@dataclass(frozen=True)
class Finding:
    """Something that one check saw; ``repair`` is None where the doctor cannot mend it safely."""

    id: str
    link: Link
    severity: Severity
    seen: str
    why: str
    evidence: Sequence[Evidence] = ()
    repair: Repair | None = None
    by_hand: Sequence[str] = ()


class Check(Protocol):
    """What each module of ``checks/`` offers."""

    ID: str
    LINK: Link
    TITLE: str
    READS: str
    NEEDS_ROOT: bool
    DPKG: Dpkg

    def examine(self, patient: Patient) -> Iterable[Finding]:
        """What is wrong; nothing where all is well."""
        ...


@dataclass(frozen=True)
class LinkReport:
    """The state of one link, with what was found in it and which checks could not be done.

    ``not_applicable`` are ids of checks of what this system does not have.
    """

    link: Link
    health: Health
    findings: Sequence[Finding] = ()
    unfinished: Sequence[str] = field(default=())
    not_applicable: Sequence[str] = field(default=())
