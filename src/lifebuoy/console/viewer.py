"""What a viewer outside the browser needs (virt-viewer's ``remote-viewer FILE.vv``). Pure.

A file is only made where a viewer that opens it gets there: where the screen has no port, or one
that nobody but its host reaches, there is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from lifebuoy.hypervisor import Graphics

_EVERYWHERE = frozenset({"0.0.0.0", "::"})
_LOOPBACK = frozenset({"", "localhost", "127.0.0.1", "::1"})


class Reach(StrEnum):
    """From where a viewer gets to a screen."""

    NETWORK = "network"
    HOST = "host"  # on the machine that runs the instance alone
    NOWHERE = "nowhere"  # it has no port


@dataclass(frozen=True, slots=True)
class Way:
    """Where a viewer would go; ``address`` and ``port`` mean something where there is a reach."""

    reach: Reach
    address: str = ""
    port: int = 0


def way(screen: Graphics, host: str) -> Way:
    """How a viewer gets to ``screen``; ``host`` is how others call the machine that it is on."""
    if screen.port is None:
        return Way(Reach.NOWHERE)
    if screen.listen in _LOOPBACK:
        return Way(Reach.HOST, screen.listen or "127.0.0.1", screen.port)
    address = host if screen.listen in _EVERYWHERE else screen.listen
    return Way(Reach.NETWORK, address, screen.port)


def file(found: Way, kind: str, title: str) -> str:
    """The file for it. No password: the viewer asks for one where there is one."""
    lines = (
        "[virt-viewer]",
        f"type={kind}",
        f"host={found.address}",
        f"port={found.port}",
        f"title={' '.join(title.split())}",
    )
    return "\n".join(lines) + "\n"
