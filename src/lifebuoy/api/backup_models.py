"""What requests and answers about backup points look like, for the OpenAPI document."""

from __future__ import annotations

from pydantic import BaseModel, Field

from lifebuoy.api.models import Body, Error, Host, Time
from lifebuoy.backup.book import ChangeKind, PointKind


class Refusal(BaseModel):
    """Why something cannot be done as things are; with what the command line says of it."""

    code: str
    message: str
    safe: str
    hint: str
    exit_status: int
    step: str | None
    cause: str | None


class Point(BaseModel):
    """A backup point of a list."""

    id: str
    name: str
    kind: PointKind
    created: Time
    age_s: int
    size_bytes: int = Field(description="What the point's own files take.")
    depends: list[str] = Field(description="Points whose files it reads as well.")
    current: bool = Field(description="What the instance writes lies over it.")


class Quota(BaseModel):
    """What the points of an instance may come to; 0: any number, any amount."""

    points: int
    bytes: int


class Backups(BaseModel):
    """The backup points of an instance, oldest first."""

    host: str
    instance: str
    uuid: str
    points: list[Point]
    size_bytes: int = Field(description="What all files of its points take, overlays included.")
    undo_of: str = Field(description="The point whose restore can be undone, or empty.")
    pending: str = Field(description="What was cut off, or empty.")
    merges: int = Field(description="Merges that are left to do.")
    quota: Quota


class EveryBackups(BaseModel):
    """The backup points of all instances that the caller may see."""

    instances: list[Backups]
    hosts: list[Host] = Field(description="What became of asking each host.")


class Need(BaseModel):
    """What a new point would need."""

    bytes: int | None = Field(description="The room that it takes at once; null: not known.")
    refusal: Refusal | None = Field(description="Why none can be made now.")


class Needs(BaseModel):
    """What a new point would need, frozen or copied, and the room there is."""

    frozen: Need
    copied: Need = Field(alias="copy")
    free_bytes: int | None = Field(description="Beside the disks, where there is least.")


class File(BaseModel):
    """A file that a point needs."""

    disk: str
    path: str
    format: str
    layer: int = Field(description="0: its own; 1 and more: below.")
    allocated_bytes: int
    original: bool


class PointDetails(Point):
    """All about one backup point."""

    instance: str
    uuid: str
    files: list[File]
    nvram: bool = Field(description="Whether UEFI variables are part of it.")
    definition: str = Field(description="The definition then, without secrets.")


class Merge(BaseModel):
    """One thing that deleting a point does."""

    kind: ChangeKind
    files: list[str] = Field(description="Files that go.")
    into: list[str] = Field(description="Files that are written to.")
    bytes: int = Field(description="What is written, at most.")
    stopped_only: bool


class Deletion(BaseModel):
    """What deleting a point would do."""

    dry_run: bool
    instance: str
    id: str
    merges: list[Merge]
    loses_undo: bool
    definition_as_before: bool


class VerifiedFile(BaseModel):
    """A file of a point that was looked at."""

    disk: str
    path: str
    how: str = Field(description="What was looked at.")
    problem: str = Field(description="Empty where all is well.")
    ok: bool


class Verification(BaseModel):
    """The latest verification of a backup point, and how one that is under way gets on."""

    id: str
    instance: str
    ok: bool | None = Field(description="Null before the first.")
    files: list[VerifiedFile]
    made: Time
    under_way: bool = Field(description="Whether one is being made: ask again.")
    began: Time
    done_bytes: int = Field(description="What was read of the file that it is at.")
    total_bytes: int
    error: Error | None = Field(description="Why the last one came to nothing.")


class SetQuota(Body):
    """What the points of an instance may come to; 0: any number, any amount; null: as it is."""

    points: int | None = Field(default=None, ge=0, le=10_000)
    bytes: int | None = Field(default=None, ge=0, le=1 << 60)


class CreateBackup(Body):
    """How to make a backup point."""

    name: str = Field(default="", max_length=80, description="What to call it.")
    keep: int = Field(
        default=0, ge=0, le=10_000, description="Delete the oldest points beyond; 0: keep all."
    )
    copied: bool = Field(
        default=False,
        alias="copy",
        description="Copy the disks to files of their own instead of freezing them: takes as long "
        "as copying does, and is possible while the instance runs.",
    )
    pool: str = Field(
        default="",
        max_length=200,
        pattern=r"^[^/]*$",
        description="The storage pool that copies go to; else beside the disks. Not for owners.",
    )
    freeze: bool = Field(
        default=True,
        description="Hold a running guest's file systems still for a moment, by its agent.",
    )


class Tidy(Body):
    """How to merge what is left."""

    later: bool = Field(
        default=False, description="Leave what cannot be merged while the instance runs."
    )
