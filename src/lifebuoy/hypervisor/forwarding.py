"""A port on the host's loopback that leads to SSH inside a guest with a user-mode network.

Through QEMU's human monitor, which reports errors as text. The parsing is pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from lxml import etree

from lifebuoy.errors import HostTrouble, Refused

Monitor = Callable[[str], str]

_LOOPBACK: Final = "127.0.0.1"
_SSH: Final = 22
_NETDEV: Final = re.compile(r"\((?P<paren>[^()\s]+)\):\s*$|^(?P<plain>[^\s:]+):\s*$")
_FORWARD: Final = re.compile(
    r"TCP\[HOST_FORWARD\]\s+\S+\s+(?P<host>\S+)\s+(?P<port>\d+)\s+\S+\s+(?P<guest_port>\d+)"
)


@dataclass(frozen=True, slots=True)
class Forward:
    """One TCP forward of QEMU's user-mode network."""

    netdev: str
    host: str
    port: int
    guest_port: int


def user_netdevs(xml: str) -> list[str]:
    """QEMU's names of its user-mode networks in a live definition: alias net0 is hostnet0.

    Those served by passt are not QEMU's: its monitor cannot forward their ports.
    """
    cards = etree.fromstring(xml).findall("devices/interface[@type='user']")
    own = [card for card in cards if card.find("backend[@type='passt']") is None]
    aliases = [alias for card in own for alias in card.findall("alias")]
    return ["host" + name for alias in aliases if (name := alias.get("name"))]


def forwards(usernet: str) -> list[Forward]:
    """The forwards in the text of 'info usernet'."""
    found, netdev = [], ""
    for line in usernet.splitlines():
        if header := _NETDEV.search(line):
            netdev = header["paren"] or header["plain"]
        elif match := _FORWARD.search(line):
            found.append(
                Forward(netdev, match["host"], int(match["port"]), int(match["guest_port"]))
            )
    return found


def ssh_port(monitor: Monitor, netdevs: list[str]) -> int | None:
    """The loopback port that leads to port 22 already, if there is one."""
    if not netdevs:
        return None
    for forward in forwards(monitor("info usernet")):
        if forward.guest_port == _SSH and forward.host == _LOOPBACK:
            return forward.port
    return None


def forward_ssh(monitor: Monitor, netdevs: list[str], name: str) -> int:
    """The port that leads to SSH in the guest; QEMU chooses a free one.

    Raises:
        Refused: no user-mode network.
        HostTrouble: QEMU did not do it.
    """
    if not netdevs:
        raise Refused(f"'{name}' has no user-mode network to forward a port of")
    port = ssh_port(monitor, netdevs)
    if port is not None:
        return port
    answer = monitor(f"hostfwd_add {netdevs[0]} tcp:{_LOOPBACK}:0-:{_SSH}").strip()
    port = ssh_port(monitor, netdevs)
    if port is None:
        raise HostTrouble(
            f"cannot forward a port to SSH in '{name}': {answer or 'QEMU gave no reason'}"
        )
    return port


def remove(monitor: Monitor, netdevs: list[str], port: int, name: str) -> None:
    """Remove the forward of the loopback ``port``; fine if there is none."""
    if not netdevs:
        return
    answer = ""
    for forward in forwards(monitor("info usernet")):
        if (forward.host, forward.port) == (_LOOPBACK, port):
            netdev = forward.netdev or netdevs[0]
            answer = monitor(f"hostfwd_remove {netdev} tcp:{_LOOPBACK}:{port}").strip()
    if any(forward.port == port for forward in forwards(monitor("info usernet"))):
        raise HostTrouble(f"cannot remove the forwarded port {port} of '{name}': {answer}")
