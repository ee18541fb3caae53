"""What a new backup point of an instance would need, and what stands in its way: asked ahead."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from lifebuoy.errors import LifebuoyError
from lifebuoy.operations.backup_copy import COPY, CopyRequest, copied_bytes, room_for_copies
from lifebuoy.operations.backup_create import CREATE, CreateRequest
from lifebuoy.operations.backup_making import OVERLAY_BYTES
from lifebuoy.operations.backup_site import Site
from lifebuoy.operations.context import Context
from lifebuoy.operations.operation import JsonObject, Kind, Work


@dataclass(frozen=True, slots=True)
class Need:
    """Of one kind of point. ``bytes`` is the room that it takes at once, None where that cannot be
    said; ``refusal`` says why it cannot be made now."""

    bytes: int | None
    refusal: LifebuoyError | None


@dataclass(frozen=True, slots=True)
class Needs:
    """``free_bytes`` is the least room that a folder of the disks has; None where not known."""

    frozen: Need
    copy: Need
    free_bytes: int | None


def needs(context: Context, uuid: str) -> Needs:
    """What freezing and copying the instance's disks as they are now would need."""
    sizes = _sizes(context, uuid)
    return Needs(
        Need(sizes[0], refusal(context, uuid, CREATE, asdict(CreateRequest()))),
        Need(sizes[1], refusal(context, uuid, COPY, asdict(CopyRequest()))),
        sizes[2],
    )


def refusal(
    context: Context, uuid: str, kind: Kind[Any], request: JsonObject
) -> LifebuoyError | None:
    """Why an operation could not begin now; None if it could. Nothing is touched."""
    try:
        require_possible(context, uuid, kind, request)
    except LifebuoyError as error:
        return error
    return None


def require_possible(context: Context, uuid: str, kind: Kind[Any], request: JsonObject) -> None:
    """Pass if an operation could begin now.

    Raises:
        LifebuoyError: its own refusals.
    """
    operation = kind.make(Work(context, uuid, request))
    try:
        operation.begin()
    finally:
        operation.close()


def _sizes(context: Context, uuid: str) -> tuple[int | None, int | None, int | None]:
    """The room for a frozen point, for a copy, and what is free."""
    site = Site(context.host, context.host.domain(uuid))
    try:
        book = site.book()
        files = site.layer_now(book)
        copies = room_for_copies(site, book, files)
        free = [site.files.free_bytes(folder) for folder in copies]
        return OVERLAY_BYTES * len(files), copied_bytes(copies), min(free, default=None)
    except LifebuoyError:  # what it is, the refusals tell
        return None, None, None
