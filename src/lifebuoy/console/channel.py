"""A byte stream to an instance's screen: a socket that libvirt hands over on this machine, a
channel of SSH elsewhere. Never a port that is open to a network.
"""

from __future__ import annotations

import socket
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from lifebuoy.console import rfb
from lifebuoy.errors import HostTrouble, Refused
from lifebuoy.hypervisor import Domain, Graphics, Host
from lifebuoy.hypervisor.tunnel import NoWay, through

_ANSWER_S: Final = 10.0
_ANYWHERE: Final = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}


@dataclass(frozen=True, slots=True)
class Channel:
    """An open one, signed in to: what follows is the viewer's first message. Non-blocking."""

    stream: socket.socket
    _open: ExitStack

    def close(self) -> None:
        """Close it; takes a moment where an ssh has to end."""
        self._open.close()


def open_screen(host: Host, domain: Domain) -> Channel:
    """A channel to the VNC server of a running instance.

    Raises:
        Refused: it has none, or none that can be reached from here.
        HostTrouble: it does not answer.
    """
    index, screen = screen_of(domain)
    opened = ExitStack()
    try:
        with opened:
            stream, password = _way(host, domain, index, screen, opened)
            stream.settimeout(_ANSWER_S)
            rfb.enter(stream, password)
            stream.setblocking(False)
            kept = opened.pop_all()
    except NoWay as error:
        raise HostTrouble(str(error), safe="") from error
    return Channel(stream, kept)


def screen_of(domain: Domain) -> tuple[int, Graphics]:
    """The first VNC server of a running instance, with its place among its screens.

    Raises:
        Refused: it has none.
    """
    screens = domain.graphics()
    for index, screen in enumerate(screens):
        if screen.type == "vnc":
            return index, screen
    what = f"its screen speaks {screens[0].type}, not VNC" if screens else "it has no screen"
    raise Refused(f"'{domain.name}' has no console here: {what}", hint="use the serial console")


def _way(
    host: Host, domain: Domain, index: int, screen: Graphics, opened: ExitStack
) -> tuple[socket.socket, str]:
    """The stream, and the password that it may be asked for."""
    if not host.is_remote:
        descriptor = domain.open_graphics_fd(index)
        return opened.enter_context(socket.socket(fileno=descriptor)), ""
    if host.ssh_hop is None:
        raise Refused(
            f"the screen of '{domain.name}' is on another host, to which no SSH leads",
            hint="reach that host by qemu+ssh, or use the serial console",
        )
    if screen.port is None:
        raise Refused(
            f"the screen of '{domain.name}' listens at no port of its host, and SSH leads to ports "
            "only",
            hint="use the serial console, or give its VNC a port on the host's loopback",
        )
    address = _ANYWHERE.get(screen.listen, screen.listen)
    stream = opened.enter_context(through(host.ssh_hop, address, screen.port))
    return stream, domain.graphics_password(index)
