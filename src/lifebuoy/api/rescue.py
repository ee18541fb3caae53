"""A stay in rescue mode as it stands, and what entering would do; neither changes the instance."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter
from fastapi.encoders import jsonable_encoder

from lifebuoy.accounts.model import Permission
from lifebuoy.api import models
from lifebuoy.api.actions import entering
from lifebuoy.api.authorisation import needs
from lifebuoy.api.reaching import Instance
from lifebuoy.operations import shapes
from lifebuoy.operations.plan import checks
from lifebuoy.operations.status import rescue_status

router = APIRouter(prefix="/instances/{host}/{uuid}/rescue", tags=["rescue"])

_PROBLEMS: Final = (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.BAD_GATEWAY)
_ASKED_LATER: Final = ""


@router.get("", **needs(Permission.READ, *_PROBLEMS))
def show_rescue(instance: Instance) -> models.Rescue:
    """The stay of an instance in rescue mode: since when, with which image, how to get in."""
    found: Any = jsonable_encoder(shapes.rescue(rescue_status(instance.context, instance.uuid)))
    return models.Rescue.model_validate(found)


@router.post("/plan", **needs(Permission.ACT, *_PROBLEMS))
def plan_rescue(instance: Instance, body: models.HowToEnter) -> models.EnterPlan:
    """All the checks of entering, before a password is asked for, and what would change. What
    would refuse the entering is the answer here, too."""
    found = checks(instance.context, entering(instance, body, _ASKED_LATER))
    return models.EnterPlan(
        instance=found.traits.name,
        image=found.image.id,
        was_running=found.was_running,
        difference=found.difference,
    )
