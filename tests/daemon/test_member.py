"""The whole story on a system daemon, told by an unprivileged member of the group libvirt."""

from __future__ import annotations

import pytest

from lab import login
from lab.definition import domain_xml
from lab.layout import Layout
from lab.root import PASSWORD as OWN_PASSWORD
from tests.daemon.conftest import Disks
from tests.daemon.machine import Machine
from tests.daemon.member import PASSWORD, Member, definition, pool

NAME = "web1"
UUID = "00000000-0000-4000-8000-00000000da01"
#: As behaviour.md has it, then GRUB's own repair of what was zeroed.
REPAIR = """
set -e
mkdir -p /mnt/vm1
mount /dev/vda1 /mnt/vm1
for d in dev dev/pts proc run sys; do mount -o bind /$d /mnt/vm1/$d; done
chroot /mnt/vm1 /bin/bash -c 'grub-install /dev/vda'
"""


@pytest.fixture(scope="module")
def web1(host: Machine, disks: Disks) -> str:
    """The definition of a running guest whose boot code is gone."""
    disk = disks.make(Layout.BIOS, NAME)
    host.as_root("qemu-io", "-f", "qcow2", "-c", "write -q -P 0 0 440", str(disk))
    host.virsh("define", "/dev/stdin", stdin=domain_xml(Layout.BIOS, disk, name=NAME, uuid=UUID))
    host.virsh("autostart", NAME)
    host.virsh("start", NAME)
    return definition(host, NAME)


def test_a_broken_running_guest_is_rescued_without_any_right_of_root(
    host: Machine, member: Member, web1: str
) -> None:
    assert pool(host) == []
    (listed,) = member("list", "--json").json("instance-list")["instances"]
    assert (listed["name"], listed["state"]) == (NAME, "RUNNING")
    entered = member.enter(NAME, "--consent-force", "--stop-timeout", "2")
    found = entered.json("rescue-enter")
    assert found["seen"] == {"agent": True, "ssh": True} and found["was_running"]
    assert pool(host) == [name for name in pool(host) if name.startswith("rescue-")]
    access = found["access"]
    key = access["host_key"]
    with login.ssh(access["ssh_port"], PASSWORD, timeout_s=30, host_key=key) as client:
        stdin, out, err = client.exec_command("bash -s", timeout=100)
        stdin.write(REPAIR)
        stdin.channel.shutdown_write()
        words = (out.read() + err.read()).decode()
        assert out.channel.recv_exit_status() == 0, words
    mounted = member("rescue", "exit", NAME, "--json")
    left = (member("rescue", "exit", NAME, "--json") if mounted.status else mounted).json(
        "rescue-exit"
    )
    assert left["boot"]["verdict"] == "reached login" and left["differences"] == []
    assert definition(host, NAME) == web1
    assert "Autostart:      enable" in host.virsh("dominfo", NAME)
    assert [name for name in pool(host) if not name.startswith("rescue-")] == []


def test_afterwards_its_own_password_counts_and_no_port_is_left(
    host: Machine, member: Member
) -> None:
    network = host.virsh("qemu-monitor-command", NAME, "--hmp", "info usernet")
    assert "HOST_FORWARD" not in network
    assert OWN_PASSWORD
    assert "lifebuoy" not in host.virsh("dumpxml", NAME)
