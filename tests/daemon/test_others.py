"""Which libvirt a user gets who names none, and what ``host check`` tells them of a real host."""

from __future__ import annotations

import pytest

from tests.boot.machine import bare
from tests.daemon.conftest import MEMBER, STRANGER, SYSTEM
from tests.daemon.guests import Guests
from tests.daemon.machine import Machine
from tests.daemon.member import Member
from tests.libvirt.command import until


def test_a_member_of_the_group_gets_the_system_libvirt(host: Machine, guests: Guests) -> None:
    guests.define_bare("seen1")
    listed = Member(host, MEMBER)("list", "--json").json("instance-list")["instances"]
    assert [found["name"] for found in listed] == ["seen1"]


def test_a_user_outside_the_group_gets_a_libvirt_of_their_own(host: Machine) -> None:
    stranger = Member(host, STRANGER)
    assert "qemu:///session" in stranger("list").out
    assert stranger("list", "--json").json("instance-list")["instances"] == []


def test_a_user_outside_the_group_is_told_of_it(host: Machine) -> None:
    error = Member(host, STRANGER, SYSTEM)("list", "--json").error()
    assert error["code"] == "cannot-connect" and "group libvirt" in error["hint"]


@pytest.mark.parametrize("names_it", [True, False])
def test_host_check_tells_the_truth_to_a_member(host: Machine, names_it: bool) -> None:
    member = Member(host, MEMBER, SYSTEM if names_it else "")
    found = member("host", "check", "--json").json("host-check")
    items = {item["name"]: item for item in found["items"]}
    assert found["ok"] and "lifebuoy-host" in items["libvirt"]["detail"]
    assert SYSTEM in items["libvirt"]["detail"]
    assert "/var/lib/lifebuoy/media" in items["storage"]["detail"]
    assert items["UEFI firmware"]["ok"] and items["rescue image"]["ok"] is not False
    if "/dev/kvm" in items and items["/dev/kvm"]["ok"]:
        assert "0660" in items["/dev/kvm"]["detail"]


def test_a_boot_log_that_is_for_root_alone_is_read_through_libvirt(
    host: Machine, member: Member, guests: Guests
) -> None:
    log = "/var/log/libvirt/qemu/told1-serial.log"
    text = bare("told1").replace(
        "<serial type='pty'/>", f"<serial type='pty'><log file='{log}'/></serial>"
    )
    guests.settle(text.replace("</os>", "<bios useserial='yes'/></os>"), "told1")
    host.virsh("start", "told1")
    assert until(lambda: host.path(log).exists() and b"SeaBIOS" in host.path(log).read_bytes())
    told = member("bootlog", "told1", "--json").json("bootlog")
    assert any("SeaBIOS" in line for line in told["lines"])
    far = host.path(log).stat()
    assert (far.st_uid, far.st_mode & 0o077) == (0, 0)
