"""The doctor called from the host on a guest that cannot boot: what it says, mends, takes back.

One stay for all; each command is a process of its own, as a user has it. The tests are in an order:
lies first, then repairs that are stopped, killed and taken back, then the one that stays.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from lab import cache, guest, mending, native, packages
from lab.layout import Layout
from lifebuoy.hypervisor import Host, connect
from lifebuoy.image import Catalogue
from tests.boot import apart, inside, machine
from tests.conftest import SHORT_TMP
from tests.libvirt.command import Answer, Command

NAME: Final = "ward"
PASSWORD: Final = "Rescue-Me-2026"
BOOT_S: Final = 240
FAULTS: Final = {"loader-grub-config", "loader-grub-files", "base-libraries"}
LIBC: Final = "libc6"


class Patient(Command):
    """What a doctor does takes its time in emulation."""

    deadline_s = 600.0


@dataclass(frozen=True)
class Ward:
    """The instance in rescue mode. ``access`` is what entering told."""

    folder: Path
    run: Command
    access: dict[str, Any]

    def doctor(self, *words: str) -> Answer:
        return self.run("doctor", NAME, "--json", *words)

    def repair(self, *words: str) -> Answer:
        return self.run("repair", NAME, "--yes", "--json", *words)

    def found(self) -> set[str]:
        """The ids of what stops the boot now."""
        report = self.doctor().json("self-check")["report"]
        findings = [one for link in report["chain"] for one in link["findings"]]
        return {one["id"] for one in findings if one["severity"] == "stops-boot"}

    def shell(self, command: str) -> str:
        """What a command prints in the rescue system."""
        port, key = self.access["ssh_port"], self.access["host_key"]
        with inside.shell(port, PASSWORD, host_key=key) as shell:
            return shell(command)


def host(folder: Path) -> Host:
    return connect(f"qemu:///embed?root={folder}/libvirt", state_dir=folder)


def define(folder: Path) -> None:
    xml = machine.of_guest(Layout.BIOS, folder / "disk.raw", name=NAME)
    with host(folder) as opened:
        machine.settled(opened, xml.replace('type="qcow2"', 'type="raw"'))


def forget(folder: Path) -> None:
    with host(folder) as opened:
        for domain in opened.domains():
            machine.forget(opened, domain)


@pytest.fixture(scope="module")
def ward(our_images: Catalogue) -> Iterator[Ward]:
    """A BIOS guest whose GRUB files are gone and whose libc is cut off, seen not to boot."""
    if os.geteuid() != 0:
        pytest.skip("needs root, for loop devices and mounts")
    folder = Path(tempfile.mkdtemp(prefix="lbw-", dir=SHORT_TMP))
    disk = folder / "disk.raw"
    native.raw_copy(guest.get(cache.folder(os.environ), Layout.BIOS, print).base, disk)
    packages.keep(disk, LIBC, mending.packages())
    for name in ("libc_truncated", "grub_files_gone"):
        native.apply(disk, name)
    apart.run(define, folder)
    run = Patient(f"qemu:///embed?root={folder}/libvirt", folder / "home")
    run.home.mkdir()
    (run.home / "images").symlink_to(our_images.folder)
    try:
        failed = run("start", NAME, "--watch", str(BOOT_S), "--json").json("start")["boot"]
        assert (failed["verdict"], failed["link"]) == ("does not boot", "boot-loader"), failed
        asked = ("rescue", "enter", NAME, "--password-stdin", "--json", "--consent-force")
        entered = run(*asked, "--stop", "hard", stdin=PASSWORD + "\n").json("rescue-enter")
        yield Ward(folder, run, entered["access"])
    finally:
        apart.run(forget, folder)
        shutil.rmtree(folder)


#: what the file /usr/sbin/doctor does instead, and what the host says of it
LIES: Final = {
    "no JSON": ("echo hello", "guest-report-unusable"),
    "nothing": ("true", "guest-report-unusable"),
    "an empty report": ("echo '{}'", "guest-report-unusable"),
    "too much": ("head -c 9000000 /dev/zero", "guest-report-unusable"),
    "a failure": ("printf 'doctor: no \\033[2Jdisk\\n' >&2; exit 3", "doctor-failed"),
    "a hang": ("sleep 600", "timed-out"),
    "a hang that does not obey": ("trap '' TERM; while :; do sleep 1; done", "timed-out"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("script", "code"), LIES.values(), ids=LIES)
def test_a_rescue_system_that_lies_is_told_and_goes_on_to_answer(
    ward: Ward, script: str, code: str
) -> None:
    there = "/usr/sbin/doctor"
    ward.shell(f"mv {there} {there}.true; cat > {there} <<'END'\n#!/bin/sh\n{script}\nEND\n")
    ward.shell(f"chmod 755 {there}")
    try:
        error = ward.doctor("--timeout", "5" if "sleep" in script else "60").error()
        assert error["code"] == code, error
        assert error["message"].isprintable() and NAME in error["message"]
    finally:
        ward.shell(f"mv {there}.true {there}")
    assert ward.shell("ls /run | grep lifebuoy-doctor- || true") == ""


@pytest.mark.slow
def test_a_rescue_system_without_the_doctor_is_told(ward: Ward) -> None:
    ward.shell("mv /usr/sbin/doctor /usr/sbin/doctor.true")
    try:
        assert ward.doctor().error()["code"] == "no-doctor"
    finally:
        ward.shell("mv /usr/sbin/doctor.true /usr/sbin/doctor")


def test_the_doctor_finds_what_is_broken_and_a_dry_run_changes_nothing(ward: Ward) -> None:
    answer = ward.doctor()
    report = answer.json("self-check")["report"]
    assert (answer.status, report["headline"]) == (1, "loader-grub-config")
    dry = ward.repair("--dry-run").json("repair-dry-run")
    assert {one["id"] for one in dry["repairs"]} == FAULTS
    assert any("grub.cfg" in line for line in dry["difference"])
    drawn = ward.run("doctor", NAME)
    assert drawn.status == 1 and "✗ boot loader" in drawn.out and "● kernel" in drawn.out


def began(ward: Ward, step: str) -> subprocess.Popen[str]:
    """A repair in a process of its own, that has begun this step."""
    started = subprocess.Popen(
        ward.run.words("repair", NAME, "--yes"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=ward.run.environment(),
    )
    assert started.stderr is not None
    for line in started.stderr:
        if line.startswith(f"mend {step} ..."):
            return started
    raise AssertionError(f"it never began to mend {step}")


@pytest.mark.slow
def test_a_repair_that_is_stopped_between_two_takes_the_first_back(ward: Ward) -> None:
    process = began(ward, "loader-grub-config")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 130, said
    assert "Everything was put back" in said
    assert ward.found() == FAULTS


@pytest.mark.slow
def test_a_repair_that_is_killed_goes_on_and_can_be_taken_back(ward: Ward) -> None:
    process = began(ward, "loader-grub-config")
    process.kill()
    process.communicate(timeout=60)
    done = ward.repair()
    result = done.json("repair")
    assert (done.status, result["report"]["headline"], result["failed"]) == (0, None, [])
    undone = ward.repair("--undo").json("repair-undo")
    assert undone["run"] == result["run"]
    assert ward.found() == FAULTS
    assert ward.repair("--undo").error()["code"] == "refused"


def test_what_is_mended_boots_to_its_login(ward: Ward) -> None:
    answer = ward.repair()
    result = answer.json("repair")
    assert (answer.status, result["failed"]) == (0, []), answer.err
    assert set(result["mended"]) >= FAULTS and result["report"]["headline"] is None
    left = ward.run("rescue", "exit", NAME, "--watch", str(BOOT_S), "--json").json("rescue-exit")
    assert left["boot"]["verdict"] == "reached login", left
    assert left["differences"] == []
    refused = ward.doctor().error()
    assert refused["code"] == "not-allowed" and "rescue enter" in refused["hint"]
