"""How to get into an instance that is in rescue mode, and knowing that it can be got into."""

from __future__ import annotations

import base64
import logging
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from lifebuoy.hypervisor import Domain, Host, SshHop
from lifebuoy.hypervisor.tunnel import NoWay, through
from lifebuoy.interruption import sleep
from lifebuoy.rescue.seed import fingerprint

if TYPE_CHECKING:
    import paramiko  # an eighth of the time that a plain command takes: loaded where it is used

_LOOPBACK: Final = "127.0.0.1"
_POLL_S: Final = 0.2
_FAR_POLL_S: Final = 1.0  # each try is a login at the host to go through
#: Once the agent answers, an address of another network is tried this long: it may well be out
#: of reach from here.
_ELSEWHERE_S: Final = 30.0
_NO_HOP: Final = (
    "the port is open on its host alone, and this libvirt connection has no SSH to go through"
)
# A guest that is still starting resets connections; that is no news for the user's terminal.
logging.getLogger("paramiko").addHandler(logging.NullHandler())
logging.getLogger("paramiko").propagate = False


@dataclass(frozen=True, slots=True)
class Access:
    """The ways in. ``ssh_host``/``ssh_port`` are None while no address is known.

    ``via`` is the host to go through, None for this one. ``obstacle`` says why its SSH cannot be
    reached from this machine at all; empty as a rule. ``host_key`` is the public key the rescue
    system shows ("ssh-ed25519 AAAA..."), or empty.
    """

    ssh_host: str | None
    ssh_port: int | None
    host_key: str
    via: SshHop | None
    vnc: str
    serial: bool
    user: str = "root"
    obstacle: str = ""

    @property
    def is_forwarded(self) -> bool:
        """Whether it is a port of the host's loopback, so that SSH must answer there."""
        return self.ssh_host == _LOOPBACK

    @property
    def fingerprint(self) -> str:
        """SHA256 fingerprint of the host key as ssh-keygen prints it; empty if unknown."""
        return fingerprint(self.host_key) if self.host_key else ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What could be seen of a starting rescue system; ``obstacle`` kept SSH from being tried.

    ``by_password``: SSH was tried with the password; else nobody here knew it, and it was only
    seen that it is the stay's own SSH that answers.
    """

    agent: bool
    ssh: bool
    obstacle: str = ""
    by_password: bool = True

    @property
    def words(self) -> str:
        """The same for a human."""
        if self.ssh:
            how = "SSH accepts the password" if self.by_password else "SSH answers as it should"
            return how + (", the guest agent answers" if self.agent else "")
        why = f" ({self.obstacle})" if self.obstacle else ""
        if self.agent:
            return f"the guest agent answers; SSH was not reached from here{why}"
        return f"neither the guest agent nor SSH answered{why}; look at its screen (VNC)"


#: What an administrator types in the rescue system to get into the broken one.
BY_HAND: Final = (
    "mkdir -p /mnt/vm1",
    "mount /dev/vda1 /mnt/vm1",
    "for d in dev dev/pts proc run sys; do mount -o bind /$d /mnt/vm1/$d; done",
    "chroot /mnt/vm1 /bin/bash",
)


def ssh_words(access: Access) -> list[str]:
    """The plain ssh command; [] while no address is known."""
    if access.ssh_host is None:
        return []
    port = ["-p", str(access.ssh_port)] if access.ssh_port not in (None, 22) else []
    jump = access.via.jump() if access.via else []
    return ["ssh", *jump, *port, f"{access.user}@{access.ssh_host}"]


def find(host: Host, domain: Domain, host_key: str, *, open_way: bool) -> Access:
    """The ways into ``domain`` now.

    With ``open_way`` a port of the host's loopback is forwarded to a guest whose network is
    user-mode, if none is yet. Other guests are reached at the address that agent, DHCP leases or
    ARP tell.
    """
    address, port = None, None
    if domain.active:
        if domain.user_interfaces():
            port = domain.forward_ssh() if open_way else domain.forwarded_ssh_port()
            address = _LOOPBACK if port else None
        else:
            known = [found.ip for found in domain.addresses() if ":" not in found.ip]
            address, port = (known[0], 22) if known else (None, None)
    hop = host.ssh_hop if host.is_remote else None
    return Access(
        ssh_host=address,
        ssh_port=port,
        host_key=host_key,
        via=hop,
        vnc=_vnc(domain),
        serial="<serial " in domain.xml(live=domain.active),
        obstacle=_NO_HOP if host.is_remote and hop is None and address == _LOOPBACK else "",
    )


def wait(
    find_access: Callable[[], Access],
    domain: Domain,
    password: str | None,
    *,
    timeout_s: float,
    needs_agent: bool,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[Access, Seen]:
    """Wait until the rescue system lets ``password`` in, or until ``timeout_s`` is over.

    Without a password it is waited for until SSH shows the stay's own host key.
    An image without the agent may be without our seed too: then what was seen is returned. So it
    is where nothing of the guest but the way to it is in the way.
    """
    deadline = clock() + timeout_s
    agent = False
    access = find_access()
    obstacle = access.obstacle
    while True:
        if not agent and needs_agent:
            agent = domain.agent.ping(1)
            if agent and not access.is_forwarded:
                deadline = min(deadline, clock() + _ELSEWHERE_S)
        if agent or not needs_agent:
            access = find_access()
            try:
                if access.obstacle:
                    raise NoWay(access.obstacle)
                if access.ssh_port and try_login(access, password, timeout_s=10):
                    known = password is not None
                    agent = agent or domain.agent.ping(1)
                    return access, Seen(agent, ssh=True, by_password=known)
                obstacle = ""
            except NoWay as error:
                obstacle = str(error)
                deadline = min(deadline, clock() + _ELSEWHERE_S)
        lasting = agent and access.obstacle != ""
        if lasting or clock() >= deadline or not domain.active:
            return access, Seen(agent, False, obstacle)
        sleep(_POLL_S if access.via is None else _FAR_POLL_S)


def try_login(access: Access, password: str | None, *, timeout_s: float) -> bool:
    """Whether root's ``password`` is accepted over SSH by the system that shows our host key.

    Without a password: whether it is that system which answers.

    Raises:
        NoWay: the host to go through leads nowhere; nothing is known of the guest.
    """
    import paramiko

    try:
        with connected(access, password, timeout_s=timeout_s):
            return True
    except NoWay:
        raise
    except (OSError, EOFError, paramiko.SSHException):
        return False


@contextmanager
def connected(
    access: Access, password: str | None, *, timeout_s: float
) -> Iterator[paramiko.Transport]:
    """An SSH connection as root. The host key must be the stay's, so that the password goes to
    the rescue system and to nobody else. Without a password nobody is logged in.

    Raises:
        NoWay: the host to go through leads nowhere.
        OSError, EOFError, paramiko.SSHException: not reached, another host key, not accepted.
    """
    import paramiko

    wanted = None
    if access.host_key:
        wanted = paramiko.Ed25519Key(data=base64.b64decode(access.host_key.split()[1]))
    with _socket(access, timeout_s) as sock:
        transport = paramiko.Transport(sock)
        transport.banner_timeout = timeout_s
        transport.auth_timeout = timeout_s
        try:
            transport.start_client(timeout=timeout_s)
            if wanted is not None and transport.get_remote_server_key() != wanted:
                raise paramiko.SSHException("another host key")
            if password is not None:
                transport.auth_password(access.user, password)
            yield transport
        finally:
            transport.close()


@contextmanager
def _socket(access: Access, timeout_s: float) -> Iterator[socket.socket]:
    address = (access.ssh_host or "", access.ssh_port or 0)
    if access.via is not None:
        with through(access.via, *address) as sock:
            yield sock
        return
    with socket.create_connection(address, timeout=timeout_s) as sock:
        yield sock


def _vnc(domain: Domain) -> str:
    """Where the graphics listen, in words; empty when there is nothing to see."""
    if not domain.active:
        return ""
    for graphics in domain.graphics():
        if graphics.type == "vnc":
            if graphics.port:
                return f"{graphics.listen or '127.0.0.1'}:{graphics.port}"
            return graphics.socket or "through libvirt"
    return ""
