"""Disks laid out as those of Fedora, AlmaLinux, Alpine and Arch: no false alarm, faults found.

Shapes of these systems, not the systems themselves: see ``lab.shape``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

from lab import native
from lab.mending import Doctor, Report
from lab.shape.faults import FAULTS, Fault, names
from lab.shapes import Shape
from lifebuoy.guest.doctor.checks import registry
from lifebuoy.guest.doctor.model import Link
from tests.rotating import day

Patients = Callable[[Shape], Doctor]
FAMILIES = {
    Shape.FEDORA: "rpm",
    Shape.EL8: "rpm",
    Shape.EL8_UEFI: "rpm",
    Shape.ALPINE: "alpine",
    Shape.ARCH: "arch",
    Shape.ARCH_GRUB: "arch",
}
MANAGERS = {"rpm": ("dnf", "rpm2cpio", "authselect"), "alpine": ("apk",), "arch": ("pacman",)}
DEBIANS = ("apt-get", "dpkg", "update-initramfs", "update-grub", "pam-auth-update")
_LINKS = {check.ID: check.LINK for check in registry()}
#: the one leaves no room for the others, the other changes what another one removes
_ALONE = {"root_full", "shadow_open"}
_DAY = day()


def broken(doctor: Doctor, shape: Shape, *faults: Fault) -> Doctor:
    variables = "".join(f"{name}='{value}'\n" for name, value in names(shape).items())
    native.change(doctor.disk, variables + "\n".join(fault.commands for fault in faults))
    return doctor


def found(report: Report, finding: str) -> list[dict[str, Any]]:
    return [
        one
        for link in report.data["chain"]
        for one in link["findings"]
        if one["id"] == finding and one["severity"] != "note"
    ]


def is_explained(report: Report, shape: Shape, finding: str) -> bool:
    """Whether there is no repair, but this distribution's own tools are named and no other's."""
    seen = found(report, finding)
    text = "\n".join(line for one in seen for line in one["by_hand"])
    own = (*MANAGERS[FAMILIES[shape]], "mkinitfs", "bootctl", "extlinux")
    named = any(word in text for word in own) and not any(word in text for word in DEBIANS)
    return named and all(one["repair"] is None for one in seen)


@pytest.mark.rotate(3)
@pytest.mark.parametrize("shape", Shape)
def test_a_healthy_shape_has_no_finding_above_note(shape: Shape, shape_patient: Patients) -> None:
    report = shape_patient(shape).report()
    assert report.seen() == []
    assert report.headline is None
    assert report.data["family"] == FAMILIES[shape]
    passed_over = {one for link in report.data["chain"] for one in link["not_applicable"]}
    assert passed_over == {"base-dpkg-status", "base-package-files"}


def _today(shape: Shape, *, by_hand: bool) -> list[Fault]:
    """One fault for each link of the chain, other ones every day; the last link's first.

    So none removes what the commands of the next one change.
    """
    chosen = []
    for link in reversed(Link):
        known = [
            name
            for name, fault in FAULTS.items()
            if shape in fault.shapes and _LINKS[fault.finding] is link
        ]
        wanted = [
            name
            for name in known
            if name not in _ALONE and (shape in FAULTS[name].by_hand_on) is by_hand
        ]
        if wanted:
            chosen.append(FAULTS[wanted[_DAY % len(wanted)]])
    return chosen


@pytest.mark.rotate(3)
@pytest.mark.parametrize("shape", Shape)
def test_faults_of_a_shape_are_found_together_and_mended(
    shape: Shape, shape_patient: Patients
) -> None:
    faults = _today(shape, by_hand=False)
    report = broken(shape_patient(shape), shape, *faults).report("--repair", "--offline")
    assert report.seen() == [], report.words
    assert report.data["repair"]["failed"] == [], report.words
    assert {fault.finding for fault in faults} <= set(report.mended), report.words


@pytest.mark.rotate(3)
@pytest.mark.parametrize("shape", Shape)
def test_what_needs_a_package_is_explained_in_the_words_of_its_distribution(
    shape: Shape, shape_patient: Patients
) -> None:
    faults = _today(shape, by_hand=True)
    if any(fault.finding == "kernel-image" for fault in faults):  # it comes first
        faults = [one for one in faults if one.finding != "initramfs-image"]
    report = broken(shape_patient(shape), shape, *faults).report()
    for fault in faults:
        assert fault.finding in report.ids(), report.seen()
        assert is_explained(report, shape, fault.finding), found(report, fault.finding)


def test_selinux_is_asked_to_label_what_a_repair_made(shape_patient: Patients) -> None:
    doctor = broken(shape_patient(Shape.FEDORA), Shape.FEDORA, FAULTS["shadow_gone"])
    plan = doctor.run("--repair", "--dry-run").stdout
    assert "/.autorelabel" in plan
    assert doctor.report("--repair", "--offline").seen() == []
    assert native.read(doctor.disk, "/.autorelabel") == b""
    assert doctor.run("--undo").returncode == 0
    assert native.read(doctor.disk, "/.autorelabel") is None


def test_a_file_that_is_rewritten_keeps_its_label_and_needs_no_other(
    shape_patient: Patients,
) -> None:
    doctor = broken(shape_patient(Shape.FEDORA), Shape.FEDORA, FAULTS["root_shell_gone"])
    own = f'{sys.executable} -c "import os, sys; {{}}" "$ROOT/etc/passwd"'
    native.change(
        doctor.disk, own.format("os.setxattr(sys.argv[1], 'security.selinux', b'passwd_file_t')")
    )
    assert doctor.report("--repair", "--offline").seen() == []
    kept = own.format("print(os.getxattr(sys.argv[1], 'security.selinux'))")
    assert native.change(doctor.disk, kept) == "b'passwd_file_t'\n"
    assert native.read(doctor.disk, "/.autorelabel") is None


def test_a_grub_of_debians_is_never_installed_where_it_could_not_read_the_menu(
    shape_patient: Patients,
) -> None:
    doctor = broken(shape_patient(Shape.EL8), Shape.EL8, FAULTS["boot_code_zeroed"])
    native.change(doctor.disk, 'rm -r "$ROOT/boot/grub2/i386-pc/core.img" "$ROOT/usr/lib/grub"')
    (finding,) = found(doctor.report(), "loader-boot-sector")
    assert finding["repair"] is None
    assert "grub2-install" in finding["by_hand"][0]


def test_a_grub_by_grub_install_needs_no_stub_beside_it(shape_patient: Patients) -> None:
    doctor = shape_patient(Shape.FEDORA)
    native.change(
        doctor.disk,
        'cd "$ROOT/boot/efi/EFI/fedora"\nrm grub.cfg\n'
        "LC_ALL=C sed -i 's#/EFI/fedora#/boot/grub2#' grubx64.efi",
    )
    assert doctor.report().seen() == []


def _cases() -> list[object]:
    return [
        pytest.param(shape, name)
        for name, fault in FAULTS.items()
        for shape in Shape
        if shape in fault.shapes
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("shape", "name"), _cases())
def test_a_fault_of_a_shape_is_the_headline_and_is_mended_or_explained(
    shape: Shape, name: str, shape_patient: Patients
) -> None:
    fault = FAULTS[name]
    doctor = broken(shape_patient(shape), shape, fault)
    before = doctor.report()
    assert fault.finding in before.ids(), before.seen()
    assert before.headline == (None if shape in fault.boots_on else fault.finding), before.seen()
    assert not [link["unfinished"] for link in before.data["chain"] if link["unfinished"]]
    if shape in fault.by_hand_on:
        assert is_explained(before, shape, fault.finding), found(before, fault.finding)
        return
    mended = doctor.report("--repair", "--offline")
    assert mended.seen() == [], mended.words
    assert mended.data["repair"]["failed"] == []
    assert doctor.report("--repair", "--offline").data["repair"]["mended"] == []
    undone = doctor.run("--undo")
    assert undone.returncode == 0, undone.stderr
    assert doctor.report().ids() == before.ids()
