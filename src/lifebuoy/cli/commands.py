"""Which module has which command; it is loaded when it is used, as all take half a second."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, Final

import typer
import typer.main
from typer.models import TyperInfo

#: In the order of ``--help``. A module ``register``s its commands, or has a group of them: ``app``.
MODULES: Final = {
    "audit": "audit",
    "events": "events",
    "list": "instances",
    "show": "instances",
    "start": "power",
    "stop": "power",
    "reboot": "power",
    "console": "console",
    "vnc": "screen",
    "screenshot": "screen",
    "bootlog": "bootlog",
    "renew": "renew",
    "diagnose": "diagnose",
    "doctor": "doctor",
    "repair": "repair",
    "ssh": "ssh",
    "worker": "worker",
    "serve": "serve",
    "rescue": "rescue",
    "backup": "backup",
    "image": "image",
    "host": "host",
    "config": "config",
    "operations": "operations",
    "account": "account",
    "api-key": "api_key",
}


class Commands(Mapping[str, Any]):
    """The commands by name, as Typer makes them; their names are known without loading any."""

    def __init__(self, **settings: Any) -> None:
        """``settings`` are Typer's for all of them."""
        self._settings = settings
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made |= self._load(name, MODULES[name])
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(MODULES)

    def __len__(self) -> int:
        return len(MODULES)

    def _load(self, name: str, module: str) -> dict[str, Any]:
        found = import_module(f"lifebuoy.cli.{module}")
        if hasattr(found, "app"):
            return {name: self._group(TyperInfo(found.app, name=name))}
        around = typer.Typer()
        found.register(around)
        return dict(self._group(TyperInfo(around)).commands)

    def _group(self, info: TyperInfo) -> Any:
        return typer.main.get_group_from_info(info, **self._settings)
