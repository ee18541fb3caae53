"""Every check of this folder, one file each, named <stage>_<fault>.py."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from pkgutil import iter_modules
from typing import cast

from ..model import Check, Link


@lru_cache(maxsize=1)
def registry() -> tuple[Check, ...]:
    """All checks, in the order of the boot."""
    found: list[Check] = []
    for module in iter_modules(__path__):
        found.append(cast(Check, import_module(f"{__name__}.{module.name}")))
    order = list(Link)
    return tuple(sorted(found, key=lambda check: (order.index(check.LINK), check.ID)))
