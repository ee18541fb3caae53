"""OpenRC and busybox's init as they lie on the disk: services, runlevels, the logins of inittab.

Source: openrc(8), busybox's examples/inittab.
"""

from __future__ import annotations

from .tree import Tree

INITTAB = "/etc/inittab"
DEFAULT = "/etc/runlevels/default"
_RUNLEVELS = "/etc/runlevels"
MOST_LINES = 500


def present(tree: Tree) -> bool:
    """Whether OpenRC starts this system's services."""
    return tree.is_file("/sbin/openrc") or tree.is_folder(_RUNLEVELS)


def has(tree: Tree, service: str) -> bool:
    """Whether there is such a service."""
    return present(tree) and tree.is_file(f"/etc/init.d/{service}")


def is_started(tree: Tree, service: str) -> bool:
    """Whether some runlevel has it."""
    levels = tree.names(_RUNLEVELS)[:50]
    return any(tree.lstat(f"{_RUNLEVELS}/{level}/{service}") is not None for level in levels)


def getties(text: str) -> list[str]:
    """The terminals on which an inittab keeps a login, or a shell, running."""
    found = []
    for line in text.split("\n")[:MOST_LINES]:
        fields = line.strip().split(":", 3)
        if len(fields) == 4 and not line.startswith("#") and fields[2] in ("respawn", "askfirst"):
            found.append(fields[0] or "console")
    return found
