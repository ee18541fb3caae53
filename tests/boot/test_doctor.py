"""The doctor called from the host on a guest that cannot boot: what it says, mends, takes back.

Its cache is empty and nothing is downloaded: what it lacks is brought from here. One stay for all;
each command is a process of its own, as a user has it. The tests are in an order: repairs that are
stopped, killed and taken back come before the one that stays.
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
from typing import Final

import pytest

from lab import cache, guest, mending, native, packages
from lab.layout import Layout
from lifebuoy.hypervisor import Host, connect
from lifebuoy.image import Catalogue
from lifebuoy.rescue import cdrom, record
from tests.boot import apart, machine
from tests.conftest import SHORT_TMP
from tests.libvirt.command import Answer, Command

pytestmark = pytest.mark.slow

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
    """The instance in rescue mode."""

    folder: Path
    run: Command

    def doctor(self, *words: str) -> Answer:
        return self.run("doctor", NAME, "--json", *words)

    @property
    def given(self) -> tuple[str, ...]:
        """What brings the packages of a folder, and only those."""
        return "--packages", str(self.folder / "given"), "--offline"

    def repair(self, *words: str) -> Answer:
        return self.run("repair", NAME, "--yes", "--json", *words)

    def left(self) -> tuple[list[str], str | None]:
        """Media of the stay on the host, and what is in the drive for packages."""
        found: tuple[list[str], str | None] = apart.run(left, self.folder)
        return found

    def found(self) -> set[str]:
        """The ids of what stops the boot now."""
        report = self.doctor().json("self-check")["report"]
        findings = [one for link in report["chain"] for one in link["findings"]]
        return {one["id"] for one in findings if one["severity"] == "stops-boot"}


def host(folder: Path) -> Host:
    return connect(f"qemu:///embed?root={folder}/libvirt", state_dir=folder)


def define(folder: Path) -> None:
    xml = machine.of_guest(Layout.BIOS, folder / "disk.raw", name=NAME)
    with host(folder) as opened:
        machine.settled(opened, xml.replace('type="qcow2"', 'type="raw"'))


def left(folder: Path) -> tuple[list[str], str | None]:
    with host(folder) as opened:
        domain = opened.domain(NAME)
        target = cdrom.seed_drive(domain.xml(live=True))
        assert target is not None
        stay = record.read(domain)
        assert stay is not None and not any("packages" in name for name in stay.volumes)
        return machine.stay_media(opened), domain.medium(target)


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
    (folder / "given" / "some").mkdir(parents=True)
    shutil.copy(packages.installed(disk, LIBC, mending.packages()), folder / "given" / "some")
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
        run(*asked, "--stop", "hard", stdin=PASSWORD + "\n").json("rescue-enter")
        yield Ward(folder, run)
    finally:
        apart.run(forget, folder)
        shutil.rmtree(folder)


def test_the_doctor_finds_what_is_broken_and_a_dry_run_changes_nothing(ward: Ward) -> None:
    answer = ward.doctor()
    report = answer.json("self-check")["report"]
    assert (answer.status, report["headline"]) == (1, "loader-grub-config")
    dry = ward.repair("--dry-run", *ward.given).json("repair-dry-run")
    assert {one["id"] for one in dry["repairs"]} == FAULTS
    assert any("grub.cfg" in line for line in dry["difference"])
    assert {(one["package"], one["origin"]) for one in dry["packages"]} == {(LIBC, "given")}
    told = ward.run("repair", NAME, "--dry-run", "--offline").out
    assert f"package {LIBC} " in told and "from nowhere" in told
    drawn = ward.run("doctor", NAME)
    assert drawn.status == 1 and "✗ boot loader" in drawn.out and "● kernel" in drawn.out


def test_what_no_package_is_there_for_is_told_and_the_rest_is_mended(ward: Ward) -> None:
    answer = ward.repair("--offline")
    result = answer.json("repair")
    assert answer.status == 1 and result["report"]["headline"] == "base-libraries"
    assert [one["id"] for one in result["failed"]][:1] == ["base-libraries"]
    assert "no cache or folder given" in result["failed"][0]["why"]
    ward.repair("--undo").json("repair-undo")
    assert ward.found() == FAULTS


def began(ward: Ward, step: str) -> subprocess.Popen[str]:
    """A repair with packages in a process of its own, that has begun this step."""
    started = subprocess.Popen(
        ward.run.words("repair", NAME, "--yes", *ward.given),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=ward.run.environment(),
    )
    assert started.stderr is not None
    for line in started.stderr:
        if line.startswith(f"{step} ..."):
            return started
    raise AssertionError(f"it never began to {step}")


def test_a_repair_that_is_stopped_between_two_takes_the_first_back(ward: Ward) -> None:
    process = began(ward, "mend loader-grub-config")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 130, said
    assert "Everything was put back" in said
    assert ward.left() == ([], None)
    assert ward.found() == FAULTS


@pytest.mark.parametrize("step", ["hand the packages over", "mend base-libraries"])
def test_a_repair_that_is_killed_goes_on_and_can_be_taken_back(ward: Ward, step: str) -> None:
    process = began(ward, step)
    process.kill()
    process.communicate(timeout=60)
    done = ward.repair(*ward.given)
    result = done.json("repair")
    assert (done.status, result["report"]["headline"], result["failed"]) == (0, None, [])
    assert ward.left() == ([], None)
    undone = ward.repair("--undo").json("repair-undo")
    assert undone["run"] == result["run"]
    assert ward.found() == FAULTS
    assert ward.repair("--undo").error()["code"] == "refused"


def test_what_is_mended_by_one_who_has_no_packages_boots_to_its_login(ward: Ward) -> None:
    """They were handed over before the rest was left to a worker."""
    told = ward.repair("--queue", *ward.given).json("operation")["operation"]
    assert told["state"] == "left behind", told
    shutil.rmtree(ward.folder / "given")
    resumed = ward.run("operations", "resume", told["id"], "--json")
    (done,) = resumed.json("operation-list")["operations"]
    assert (resumed.status, done["state"]) == (0, "done"), resumed.err
    assert ward.left() == ([], None)
    assert ward.found() == set()
    left = ward.run("rescue", "exit", NAME, "--watch", str(BOOT_S), "--json").json("rescue-exit")
    assert left["boot"]["verdict"] == "reached login", left
    assert left["differences"] == []
    refused = ward.doctor().error()
    assert refused["code"] == "not-allowed" and "rescue enter" in refused["hint"]
