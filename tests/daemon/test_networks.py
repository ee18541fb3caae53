"""Networks on which a guest has an address of its own, which comes from the agent or from leases.

Not here: the host's table of neighbours (ARP), which libvirt 9.0 fails to read in a container
("wrong nlmsg len").
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.boot.machine import bare, with_devices
from tests.daemon import machine
from tests.daemon.conftest import MEMBER, STRANGER, SYSTEM
from tests.daemon.guests import Guests
from tests.daemon.machine import Kind, Machine
from tests.daemon.member import Member

pytestmark = pytest.mark.slow

#: libvirt's own: a bridge on which it gives addresses and remembers them; it leads nowhere
NETWORK: Final = """
<network>
  <name>lan</name>
  <bridge name='lb-lan'/>
  <ip address='192.0.2.1' netmask='255.255.255.0'>
    <dhcp><range start='192.0.2.20' end='192.0.2.60'/></dhcp>
  </ip>
</network>
"""
#: what the administrator made without libvirt, which knows of no leases there
BRIDGE: Final = """
ip link add lb-own type bridge
ip address add 198.51.100.1/24 dev lb-own
ip link set lb-own up
dnsmasq --conf-file=/dev/null --bind-interfaces --interface=lb-own --except-interface=lo --port=0 \
  --dhcp-range=198.51.100.20,198.51.100.60 --dhcp-leasefile=/run/own.leases --pid-file=/run/own.pid
"""


@pytest.fixture(scope="module")
def apart(our_images: Path) -> Iterator[Machine]:
    """A server whose network is its own, with both kinds of bridge."""
    with machine.started(Kind.APART, (MEMBER, STRANGER), our_images) as made:
        made.virsh("net-define", "/dev/stdin", stdin=NETWORK)
        made.virsh("net-start", "lan")
        made.as_root("sh", "-e", stdin=BRIDGE)
        yield made


@pytest.mark.parametrize(
    ("interface", "prefix"),
    [
        ("<interface type='network'><source network='lan'/>", "192.0.2."),
        ("<interface type='bridge'><source bridge='lb-own'/>", "198.51.100."),
    ],
    ids=["libvirt's network", "a bridge of the administrator's"],
)
def test_the_rescue_system_is_logged_in_to_at_its_own_address(
    apart: Machine, interface: str, prefix: str
) -> None:
    guests, member = Guests(apart), Member(apart, MEMBER, SYSTEM)
    xml = with_devices(bare("web"), interface + "<model type='virtio'/></interface>")
    before = guests.settle(xml, "web")
    try:
        found = member.enter("web").json("rescue-enter")
        access = found["access"]
        assert found["seen"] == {"agent": True, "ssh": True}
        assert access["ssh_host"].startswith(prefix) and access["ssh_port"] == 22
        assert f"root@{access['ssh_host']}" in member("rescue", "status", "web").out
        if "network" in interface:  # without its agent it is still found: by the lease
            apart.virsh("qemu-agent-command", "web", stop_the_agent())
            again = member("rescue", "status", "web", "--json").json("rescue-status")
            assert again["access"]["ssh_host"] == access["ssh_host"]
        left = member("rescue", "exit", "web", "--force", "--json").json("rescue-exit")
        assert left["differences"] == [] and guests.definition("web") == before
    finally:
        guests.remove_all()


def stop_the_agent() -> str:
    """The agent's own command that freezes the agent a moment later."""
    words = ["-c", "(sleep 1; pkill -STOP qemu-ga) >/dev/null 2>&1 &"]
    return json.dumps({"execute": "guest-exec", "arguments": {"path": "/bin/sh", "arg": words}})
