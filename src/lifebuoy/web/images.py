"""The rescue images, and which of them is the default."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request, Response

from lifebuoy.accounts.model import Permission
from lifebuoy.api.authorisation import Who, needs
from lifebuoy.api.images import ImagePath
from lifebuoy.api.state import Server
from lifebuoy.image import Image
from lifebuoy.web.render import go, page
from lifebuoy.web.tables import Asked, Order, number, shown

router = APIRouter(include_in_schema=False)

_ORDER: Final[Order[Image]] = Order(
    columns={
        "id": lambda one: one.id,
        "name": lambda one: one.name.casefold(),
        "size": lambda one: number(one.size_bytes),
        "memory": lambda one: number(one.min_memory_mib),
    },
    id=lambda one: one.id,
    text=lambda one: f"{one.id} {one.name} {one.sha256}",
)


@router.get("/images", **needs(Permission.READ))
def list_images(request: Request, server: Server, who: Who, wanted: Asked) -> Response:
    """All rescue images."""
    table = shown(server.hosts.catalogue.list(), wanted, _ORDER)
    return page(request, "images.html", who, table=table, part=wanted.part)


@router.post("/images/{image}/default", **needs(Permission.ADMINISTER))
def set_default(request: Request, server: Server, who: Who, image: ImagePath) -> Response:
    """Make an image the one that is used where none is named."""
    server.hosts.catalogue.set_default(image)
    return go(request, "/images")
