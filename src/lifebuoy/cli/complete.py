"""Shell completion of instance names and image ids. Silent: a completion must never fail."""

from __future__ import annotations

import typer

from lifebuoy.cli.session import Session
from lifebuoy.errors import LifebuoyError


def instance_names(context: typer.Context, incomplete: str) -> list[str]:
    """Names that begin with what was typed; none where the host cannot be asked."""
    flag = context.find_root().params.get("connect")
    try:
        with Session(flag if isinstance(flag, str) else None).context() as found:
            names = [domain.name for domain in found.host.domains()]
    except LifebuoyError:
        return []
    return [name for name in names if name.startswith(incomplete)]


def image_ids(incomplete: str) -> list[str]:
    """Image ids that begin with what was typed."""
    try:
        return [i.id for i in Session().catalogue().list() if i.id.startswith(incomplete)]
    except LifebuoyError:
        return []
