"""The screen of an instance of another machine: through SSH to the host, by no port of its own."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest

from lifebuoy.console.channel import open_screen
from lifebuoy.errors import HostTrouble, Refused
from lifebuoy.hypervisor import Host, connect
from tests.boot.machine import bare
from tests.daemon.conftest import MEMBER
from tests.daemon.elsewhere import ELSEWHERE
from tests.daemon.guests import Guests
from tests.daemon.machine import Machine
from tests.daemon.sshd import Server

_OWN = "<graphics type='vnc' passwd='vncword1'><listen type='socket'/></graphics>"
_PORT = "<graphics type='vnc' autoport='yes' listen='127.0.0.1' passwd='vncword1'/>"


def started(host: Machine, guests: Guests, name: str, graphics: str) -> None:
    text = bare(name)
    assert _OWN in text
    guests.settle(text.replace(_OWN, graphics), name)
    host.virsh("start", name)


def width(far: Host, name: str) -> int:
    """That of its screen, as a viewer that begins is told."""
    channel = open_screen(far, far.domain(name))
    try:
        channel.stream.setblocking(True)
        channel.stream.settimeout(20)
        channel.stream.sendall(b"\1")
        return int.from_bytes(channel.stream.recv(2))
    finally:
        channel.close()


def test_a_screen_is_reached_through_ssh_with_its_password(
    laptop: Machine, host: Machine, server: Server, guests: Guests, tmp_path: Path
) -> None:
    started(host, guests, "seen", _PORT)
    started(host, guests, "unseen", _OWN)
    key = quote(str(laptop.path(f"{ELSEWHERE.home}/.ssh/to the host")))
    uri = f"qemu+ssh://{MEMBER.name}@127.0.0.1:{server.port}/system?keyfile={key}&no_tty=1"
    with connect(f"{uri}&no_verify=1", state_dir=tmp_path) as far:
        assert width(far, "seen") in {640, 720}
        port = far.domain("seen").graphics()[0].port
        assert f"target 127.0.0.1 port {port}" in server.log()
        with pytest.raises(Refused, match="no port of its host"):
            width(far, "unseen")
        server.cut()
        with pytest.raises(HostTrouble):
            width(far, "seen")
    server.serve()
