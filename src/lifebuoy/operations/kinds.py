"""The kinds of operation there are, found by name; loaded when one is needed."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

from lifebuoy.errors import UnknownOperation
from lifebuoy.operations.operation import Kind

Find = Callable[[str], Kind[Any]]

_WHERE: Final = {
    "rescue-enter": ("lifebuoy.operations.enter", "ENTER"),
    "rescue-exit": ("lifebuoy.operations.leave", "LEAVE"),
    "rescue-password": ("lifebuoy.operations.password", "PASSWORD"),
    "start": ("lifebuoy.operations.power", "START"),
    "stop": ("lifebuoy.operations.power", "STOP"),
    "backup-create": ("lifebuoy.operations.backup_create", "CREATE"),
    "backup-copy": ("lifebuoy.operations.backup_copy", "COPY"),
    "backup-restore": ("lifebuoy.operations.backup_restore", "RESTORE"),
    "backup-undo": ("lifebuoy.operations.backup_restore", "UNDO"),
    "backup-delete": ("lifebuoy.operations.backup_delete", "DELETE"),
    "backup-tidy": ("lifebuoy.operations.backup_delete", "TIDY"),
    "reboot": ("lifebuoy.operations.power", "REBOOT"),
    "repair": ("lifebuoy.operations.repair", "REPAIR"),
    "repair-undo": ("lifebuoy.operations.repair", "UNDO"),
}

NAMES: Final = tuple(_WHERE)


def find(name: str) -> Kind[Any]:
    """The kind of that name.

    Raises:
        UnknownOperation: this version of Lifebuoy has none.
    """
    try:
        module, attribute = _WHERE[name]
    except KeyError:
        raise UnknownOperation(
            f"this version of Lifebuoy knows no operation '{name}'",
            hint="it was begun by a newer one: upgrade, or use that one",
        ) from None
    found: Kind[Any] = getattr(import_module(module), attribute)
    return found
