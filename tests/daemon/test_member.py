"""The whole story on a system daemon, told by an unprivileged member of the group libvirt."""

from __future__ import annotations

import hashlib
import os
import time

import pytest

from lab import breaking, cache, login, root
from lab.breaking import Order
from lab.layout import Layout
from tests.daemon.guests import Guests
from tests.daemon.machine import Machine
from tests.daemon.member import PASSWORD, Member

#: As an administrator types it, then GRUB's own repair.
BIOS = """
set -e
mkdir -p /mnt/vm1
mount /dev/vda1 /mnt/vm1
for d in dev dev/pts proc run sys; do mount -o bind /$d /mnt/vm1/$d; done
chroot /mnt/vm1 /bin/bash -c 'grub-install /dev/vda'
"""
#: Debian's own folder of the ESP only: nothing boots it but an entry in the firmware's variables.
UEFI = """
set -e
system-mount
chroot /mnt/vm1 /bin/bash -c 'grub-install && efibootmgr'
"""


def repair(access: dict[str, object], script: str) -> str:
    """What the rescue system says to the script, which must succeed there."""
    port, key = int(str(access["ssh_port"])), str(access["host_key"])
    with login.ssh(port, PASSWORD, timeout_s=30, host_key=key) as client:
        stdin, out, err = client.exec_command("bash -s", timeout=120)
        stdin.write(script)
        stdin.channel.shutdown_write()
        words = (out.read() + err.read()).decode()
        assert out.channel.recv_exit_status() == 0, words
        return words


@pytest.mark.turn(2, 4)
def test_a_broken_running_guest_is_rescued_without_any_right_of_root(
    host: Machine, member: Member, guests: Guests
) -> None:
    disk = guests.disk(Layout.BIOS, "web1")
    host.as_root("qemu-io", "-f", "qcow2", "-c", "write -q -P 0 0 440", str(disk))
    before = guests.define(Layout.BIOS, disk)
    host.virsh("autostart", "web1")
    host.virsh("start", "web1")
    listed = member("list", "--json").json("instance-list")["instances"]
    assert ("web1", "RUNNING") in [(found["name"], found["state"]) for found in listed]

    entered = member.enter("web1", "--consent-force", "--stop-timeout", "2")
    found = entered.json("rescue-enter")
    assert found["seen"] == {"agent": True, "ssh": True} and found["was_running"]
    assert guests.stay_media() == []  # the seed is gone already
    repair(found["access"], BIOS)

    left = member("rescue", "exit", "web1", "--json").json("rescue-exit")
    assert left["boot"]["verdict"] == "reached login" and left["differences"] == []
    assert guests.definition("web1") == before and guests.stay_media() == []
    assert host.virsh("list", "--autostart", "--name").split() == ["web1"]
    assert "lifebuoy" not in host.virsh("dumpxml", "web1")
    network = host.virsh("qemu-monitor-command", "web1", "--hmp", "info usernet")
    assert "hostnet0" in network and "HOST_FORWARD" not in network


def test_firmware_variables_are_copied_and_compared_through_the_api(
    host: Machine, idle: Member, guests: Guests
) -> None:
    before = guests.define(Layout.UEFI, guests.blank("vars1"))
    host.virsh("start", "vars1")  # which makes its variables
    host.virsh("destroy", "vars1")
    variables = host.path("/var/lib/libvirt/qemu/nvram/vars1_VARS.fd")
    untouched = digest(variables.read_bytes())
    idle.enter("vars1", "--no-wait").json("rescue-enter")
    running = host.virsh("dumpxml", "vars1")
    assert "/var/lib/lifebuoy/media/stay-" in running and "vars1_VARS.fd<" not in running
    assert digest(variables.read_bytes()) == untouched
    left = idle("rescue", "exit", "vars1", "--force", "--json").json("rescue-exit")
    assert left["differences"] == [] and digest(variables.read_bytes()) == untouched
    assert guests.definition("vars1") == before and guests.stay_media() == []


@pytest.mark.slow
def test_a_uefi_guest_keeps_its_variables_until_they_are_taken_over(
    host: Machine, member: Member, guests: Guests
) -> None:
    disk = guests.disk(Layout.UEFI, "uefi1")
    broken = [Order("esp_emptied", disk)]
    breaking.apply(root.get(cache.folder(os.environ), print), broken, print)
    before = guests.define(Layout.UEFI, disk)
    host.virsh("start", "uefi1")  # which makes its variables
    time.sleep(5)
    host.virsh("destroy", "uefi1")
    variables = host.path("/var/lib/libvirt/qemu/nvram/uefi1_VARS.fd")
    own = variables.stat()
    untouched = digest(variables.read_bytes())

    found = member.enter("uefi1").json("rescue-enter")
    assert found["seen"] == {"agent": True, "ssh": True}
    assert "debian" in repair(found["access"], UEFI)
    assert digest(variables.read_bytes()) == untouched

    left = member("rescue", "exit", "uefi1", "--keep-nvram", "--json").json("rescue-exit")
    assert left["differences"] == [] and guests.stay_media() == []
    assert guests.definition("uefi1") == before
    now = variables.stat()
    assert digest(variables.read_bytes()) != untouched
    assert (now.st_uid, now.st_gid, now.st_mode) == (own.st_uid, own.st_gid, own.st_mode)
    started = member("start", "uefi1", "--watch", "120", "--json").json("start")
    assert started["boot"]["verdict"] == "reached login"


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
