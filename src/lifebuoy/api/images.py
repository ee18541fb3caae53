"""The rescue images of the server. To add one is to read a file of the server's machine, and to
build one takes its administrator's programs: that stays with the command line there.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Path
from fastapi.encoders import jsonable_encoder

from lifebuoy.accounts.model import Permission
from lifebuoy.api import table_models as models
from lifebuoy.api.authorisation import needs
from lifebuoy.api.state import Server
from lifebuoy.image import Image
from lifebuoy.operations import shapes

router = APIRouter(prefix="/images", tags=["images"])

ImagePath = Annotated[
    str, Path(pattern=r"^[a-z0-9][a-z0-9.-]{0,62}$", description="The id of an image.")
]
_ADMIN: Final = needs(Permission.ADMINISTER, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)


@router.get("", **needs(Permission.READ))
def list_images(server: Server) -> models.Images:
    """The rescue images that instances of all hosts can be given."""
    return models.Images(images=[_told(one) for one in server.hosts.catalogue.list()])


@router.put("/{image}/default", **_ADMIN)
def set_default_image(server: Server, image: ImagePath) -> models.Image:
    """Make an image the one that is used where none is named."""
    return _told(server.hosts.catalogue.set_default(image))


@router.post("/{image}/verify", **_ADMIN)
def verify_image(server: Server, image: ImagePath) -> models.Image:
    """Read an image whole and compare it with the SHA-256 noted when it was made or added."""
    return _told(server.hosts.catalogue.verify(image))


def _told(found: Image) -> models.Image:
    """Without its path, which is the server's own affair."""
    return models.Image.model_validate(jsonable_encoder(shapes.image(found)))
