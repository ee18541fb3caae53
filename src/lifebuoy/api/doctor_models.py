"""What requests and answers about a boot look like: of the diagnosis, the self-check, repairs. As
docs/schema has them, where the command line tells the same; ``operations/doctor_shapes.py`` fills
them.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field, SecretStr

from lifebuoy.api.models import Body, Error, Time
from lifebuoy.doctor.calling import EXAMINE_S
from lifebuoy.doctor.evidence import Place
from lifebuoy.doctor.report import Link, Origin, Risk
from lifebuoy.operations.diagnosis import ScreenFound

FINDING_ID = r"^[a-z][a-z0-9-]{0,63}$"


class Screen(BaseModel):
    """What the screen shows now, read as text where it is text."""

    state: ScreenFound
    why: str
    width: int
    height: int
    font: str
    lines: list[str]


class Cause(BaseModel):
    """The sign to act on."""

    id: str
    link: Link
    means: str
    then: str
    line: str
    seen_on: list[Place]


class Sign(BaseModel):
    """A pattern that was seen."""

    id: str
    line: str
    seen_on: list[Place]


class Diagnosis(BaseModel):
    """Why an instance did not boot, by what it said: docs/schema/diagnose.json."""

    instance: str
    file: str | None
    screen: Screen
    reached_login: bool
    login_seen_on: list[Place]
    cause: Cause | None
    signs: list[Sign]
    last_line: str


class SelfCheck(BaseModel):
    """The latest self-check of an instance: docs/schema/self-check.json and how it came about."""

    instance: str
    report: dict[str, Any] | None = Field(
        description="As docs/schema/doctor.json has it: what the doctor found along the chain of "
        "the boot. Its texts say what the disks say. Null before the first one."
    )
    made: Time
    outdated: bool = Field(
        description="Whether something was mended, or that was taken back, after it was made."
    )
    under_way: bool = Field(description="Whether one is being made: ask again.")
    began: Time
    error: Error | None = Field(description="Why the last one came to nothing.")


class Mending(BaseModel):
    """What mends a finding."""

    id: str
    summary: str
    risk: Risk
    turn: int
    plan: list[str]


class Wanted(BaseModel):
    """A package that a repair takes files from, and where it would come from."""

    id: str
    package: str
    version: str
    architecture: str
    origin: Origin


class Preview(BaseModel):
    """What a repair would change: docs/schema/repair-dry-run.json."""

    dry_run: bool
    instance: str
    repairs: list[Mending]
    difference: list[str]
    packages: list[Wanted]


class _Asked(Body):
    passphrase: SecretStr | None = Field(
        default=None,
        max_length=1024,
        description="Of encrypted disks (LUKS). It stays in the memory of the server.",
    )
    timeout_s: float = Field(
        default=EXAMINE_S,
        gt=0,
        le=3600,
        allow_inf_nan=False,
        description="What one look at the disks may take.",
    )


class Check(_Asked):
    """How to look at the disks."""


class Repair(_Asked):
    """What to mend."""

    only: list[Annotated[str, Field(pattern=FINDING_ID)]] = Field(
        default=[],
        max_length=100,
        description="Only these findings; also those of high risk, which are mended only where "
        "they are named. None named: all that is ill.",
    )
    offline: bool = Field(default=False, description="Download no packages.")


class Undo(_Asked):
    """How to take the last repair back."""
