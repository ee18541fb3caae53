"""Every breakage of this folder, one file each, by the name of its file."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType

from lab.recipe import Breakage


@cache
def registry() -> Mapping[str, Breakage]:
    """All breakages by name, in alphabetical order."""
    found: dict[str, Breakage] = {}
    for module in sorted(iter_modules(__path__), key=lambda module: module.name):
        breakage = import_module(f"{__name__}.{module.name}").BREAKAGE
        assert isinstance(breakage, Breakage), module.name
        found[module.name] = breakage
    return MappingProxyType(found)
