"""What can happen during a stay: commands, refusals, restarts of every kind. One stay for all."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import paramiko
import pytest

from lab import cache, guest
from lab.layout import Layout
from lab.login import Verdict
from lifebuoy.errors import (
    DoctorFailed,
    GuestReportUnusable,
    LifebuoyError,
    NoDoctor,
    NotAllowed,
    StepFailed,
    StillMounted,
    TimedOut,
)
from lifebuoy.hypervisor import Host
from lifebuoy.model import InstanceState, Phase
from lifebuoy.operations import power, repair, status
from lifebuoy.operations.context import Context
from lifebuoy.operations.enter import enter
from lifebuoy.operations.leave import LeaveRequest, leave
from lifebuoy.operations.plan import EnterRequest
from lifebuoy.rescue import cdrom, record, seed
from tests.boot import machine
from tests.boot.visit import READY_S, Visit, visit
from tests.libvirt.command import until

NAME: Final = "patient"
PASSWORD: Final = "Rescue-Me-2026"
NEW_PASSWORD: Final = "Once-More-2027"
OWNERS_PASSWORD: Final = "Of-Another-2026"
#: Run in the very moment in which rescue mode is reached.
AT_ONCE: Final = b"system-mount && cat /mnt/vm1/etc/hostname && system-umount"


@pytest.fixture(scope="module")
def stay(
    embedded: Host, context: Context, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Visit]:
    built = guest.get(cache.folder(os.environ), Layout.BIOS, print)
    disk = guest.overlay(built.base, tmp_path_factory.mktemp("patient") / "disk.qcow2")
    domain = machine.settled(embedded, machine.of_guest(Layout.BIOS, disk, name=NAME))
    try:
        with visit(context, domain, EnterRequest(NAME, PASSWORD, script=AT_ONCE)) as visited:
            yield visited
    finally:
        machine.forget(embedded, domain)


REFUSED: Final[dict[str, Callable[[Context], object]]] = {
    "start": lambda context: power.start(context, NAME),
    "stop": lambda context: power.stop(context, power.StopRequest(NAME, consent=True)),
    "reboot": lambda context: power.reboot(context, NAME),
    "enter-rescue": lambda context: enter(context, EnterRequest(NAME, PASSWORD, consent=True)),
}


@pytest.mark.parametrize("action", REFUSED)
def test_what_is_not_for_rescue_mode_is_refused_and_says_what_is_possible(
    stay: Visit, action: str
) -> None:
    before = stay.domain.id
    with pytest.raises(NotAllowed) as caught:
        REFUSED[action](stay.context)
    assert action in caught.value.message and "RESCUE_MODE" in caught.value.message
    assert "exit-rescue" in caught.value.hint and action not in caught.value.hint
    assert stay.domain.id == before


def test_the_state_and_the_way_in_are_told_to_anyone(stay: Visit) -> None:
    found = status.rescue_status(stay.context, NAME)
    assert found.state is InstanceState.RESCUE_MODE and found.seed_removed
    assert (found.was_running, found.edits, found.working) == (False, (), "")
    assert found.access.ssh_port == stay.access().ssh_port
    assert found.access.fingerprint == stay.entered.access.fingerprint
    details = status.details(stay.context.host, NAME)
    assert [disk.target for disk in details.disks] == ["vda"]


def test_its_own_disk_has_its_own_name_and_root_logs_in_on_a_system_that_says_what_it_is(
    stay: Visit,
) -> None:
    with stay.shell() as shell:
        assert shell("lsblk -rno NAME /dev/vda").split() == ["vda", "vda1"]
        assert shell("hostname").strip() == "patient-rescue"
        notice = shell("cat /etc/motd")
    assert "rescue system" in notice and "救援系统" in notice
    assert stay.entered.access.fingerprint in notice


def test_the_system_on_the_disk_can_be_mounted_as_soon_as_rescue_mode_is_reached(
    stay: Visit,
) -> None:
    done = stay.entered.script
    assert done is not None and done.status == 0, done
    assert done.stdout == b"lab-bios\n"


def test_the_doctor_is_called_from_the_host_and_finds_a_healthy_system_sound(stay: Visit) -> None:
    report = repair.examine(stay.context, NAME)
    assert report.headline is None and report.findings == (), report.findings
    assert (report.disks, report.root, report.firmware) == (("/dev/vda",), "vda1", "bios")
    with stay.shell() as shell:
        assert shell("findmnt -rno TARGET /dev/vda1 || true") == ""
        assert shell("ls /run | grep lifebuoy-doctor- || true") == ""


@pytest.mark.parametrize(
    ("instead", "error"),
    [
        ("printf '{}'", GuestReportUnusable),
        ("head -c 9000000 /dev/zero", GuestReportUnusable),
        ("printf 'no \\033[2Jdisk' >&2; exit 3", DoctorFailed),
        ("sleep 600", TimedOut),
        ("exit 69", NoDoctor),
    ],
)
def test_a_doctor_that_lies_fails_or_hangs_is_told_and_the_agent_goes_on_to_answer(
    stay: Visit, instead: str, error: type[LifebuoyError]
) -> None:
    there = "/usr/sbin/doctor"
    with stay.shell() as shell:
        shell(f"mv {there} {there}.true; cat >{there} <<'END'\n#!/bin/sh\n{instead}\nEND\n")
        shell(f"chmod 755 {there}")
        try:
            with pytest.raises(error) as caught:
                repair.examine(stay.context, NAME, 3.0 if "sleep" in instead else 60.0)
        finally:
            shell(f"mv {there}.true {there}")
    assert caught.value.message.isprintable() and NAME in caught.value.message
    assert stay.domain.agent.ping()


def test_system_mount_chroot_and_umount_do_what_they_print(stay: Visit) -> None:
    with stay.shell() as shell:
        said = shell("system-mount")
        assert "+ mount -o rw /dev/vda1 /mnt/vm1" in said
        for part in ("dev", "dev/pts", "proc", "run", "sys"):
            assert shell(f"mountpoint /mnt/vm1/{part}")
        assert shell("system-chroot cat /etc/hostname").splitlines()[-1] == "lab-bios"
        assert "nameserver" in shell("chroot /mnt/vm1 /bin/bash -c 'cat /etc/resolv.conf'")
        assert "+ umount /mnt/vm1" in shell("system-umount")
        assert shell("findmnt -rno TARGET | grep /mnt/vm1 || true") == ""
        assert shell.ask("system-mount /dev/vda7").status == 1


HOLDS: Final = {
    "a mounted file system": ("system-mount && cd /mnt/vm1", "/mnt/vm1"),
    "a disk, as a repair does": ("exec 3<>/dev/vda1", "/dev/vda1"),
}


@pytest.mark.parametrize(("hold", "held"), HOLDS.values(), ids=HOLDS)
def test_leaving_is_refused_while_a_program_holds(stay: Visit, hold: str, held: str) -> None:
    with stay.shell() as shell:
        shell.hold(hold)
        mounted = shell("findmnt -rno TARGET")
        with pytest.raises(StepFailed) as caught:
            leave(stay.context, LeaveRequest(NAME))
        assert isinstance(caught.value.cause, StillMounted)
        assert held in caught.value.message and "sleep" in caught.value.message
        assert "--force" in caught.value.hint
        assert stay.stay.phase is Phase.RESCUE
        assert shell("findmnt -rno TARGET") == mounted, "a refusal has unmounted something"
        shell.let_go()
        shell("system-umount")


def first_sshd(stay: Visit) -> str:
    """Its process number, once a connection stands."""
    while True:
        try:
            with stay.shell(timeout_s=READY_S) as shell:
                return shell("pgrep -o sshd")
        except (OSError, EOFError, paramiko.SSHException, AssertionError):
            time.sleep(0.5)  # cut while it restarted


def test_a_reboot_typed_inside_ends_programs_and_keeps_the_password(stay: Visit) -> None:
    before, number = stay.stay, stay.domain.id
    with stay.shell() as shell:
        shell.hold("system-mount && cd /mnt/vm1")
        first = shell("pgrep -o sshd")
        assert "Rescue mode stays" in shell.ask("reboot", timeout_s=READY_S).text
    assert until(lambda: first_sshd(stay) != first, READY_S), "it did not restart"
    with stay.shell() as shell:
        assert shell("findmnt -rno TARGET | grep /mnt/vm1 || true") == ""
    assert (stay.stay, stay.domain.id) == (before, number)


def foreign_seed(folder: Path) -> Path:
    """The seed of another machine's stay, where QEMU can read it."""
    folder.chmod(0o755)
    made = seed.make_credentials(OWNERS_PASSWORD)
    other = "11111111-2222-3333-4444-555555555555"
    path = folder / "foreign.iso"
    path.write_bytes(seed.seed_iso(made, hostname="foreign", session="x", machine=other))
    return path


@pytest.mark.slow
def test_a_hard_reset_comes_back_without_the_password_until_a_new_one_is_set(
    stay: Visit, tmp_path: Path
) -> None:
    """Whatever lies in the drive then, and be it another machine's seed."""
    before, number = stay.stay, stay.domain.id
    start = stay.start_number()
    target = cdrom.seed_drive(stay.domain.xml(live=True))
    assert target is not None
    stay.domain.insert(target, str(foreign_seed(tmp_path)))
    stay.domain.monitor("system_reset")
    stay.wait_restarted(start)
    assert stay.verdict(stay.password) is Verdict.REFUSED
    assert stay.verdict(OWNERS_PASSWORD) is Verdict.REFUSED
    stay.domain.eject(target)
    changed = stay.change_password(NEW_PASSWORD)
    assert changed.new_host_key
    with stay.shell(timeout_s=READY_S) as shell:
        assert "holds no password" in shell("cat /etc/motd")
    assert stay.stay.session == before.session and stay.domain.id == number


@pytest.mark.slow
def test_a_power_off_typed_inside_stays_in_rescue_mode(stay: Visit) -> None:
    number, start = stay.domain.id, stay.start_number()
    with stay.shell() as shell:
        shell.leave_running("busybox poweroff -f")
    stay.wait_restarted(start)
    assert stay.stay.phase is Phase.RESCUE and stay.domain.id == number
    stay.change_password(PASSWORD)
    with stay.shell(timeout_s=READY_S) as shell:
        assert shell("findmnt -rno SOURCE | grep /dev/vd || true") == ""


def test_a_password_can_be_changed_while_all_is_well(stay: Visit) -> None:
    old = stay.password
    changed = stay.change_password("Another-One-3")
    assert not changed.new_host_key
    assert stay.verdict(old) is Verdict.REFUSED
    with stay.shell() as shell:
        assert shell("id -un").strip() == "root"


def test_with_force_it_is_left_although_a_program_holds_a_file_system(stay: Visit) -> None:
    with stay.shell() as shell:
        shell.hold("system-mount && cd /mnt/vm1")
        left = leave(stay.context, LeaveRequest(NAME, force=True))
    assert left.differences == ()
    assert record.read(stay.domain) is None and not stay.domain.active
