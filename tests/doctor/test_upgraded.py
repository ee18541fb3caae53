"""A sound guest that was used and upgraded is found sound, and what breaks it then is found."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lab import native, upgrading
from lab.layout import History, Layout
from lab.mending import Doctor

Patients = Callable[..., Doctor]


@pytest.fixture
def used(patient: Patients) -> Doctor:
    """A guest after all that dpkg does in years, here by small packages."""
    doctor = patient(Layout.BIOS)
    upgrading.by_hand(doctor.disk)
    return doctor


def test_what_years_of_dpkg_leave_behind_is_no_finding(used: Doctor) -> None:
    report = used.report()
    assert report.seen() == []
    assert report.headline is None


def test_a_libc_cut_off_is_mended_beside_one_of_another_architecture(used: Doctor) -> None:
    native.apply(used.disk, "libc_truncated")
    assert used.report().headline == "base-libraries"
    report = used.report("--repair")
    assert report.seen() == [], report.words
    assert report.mended == ["base-libraries"]


def test_what_is_amiss_around_a_diversion_and_an_override_is_still_seen(used: Doctor) -> None:
    native.change(
        used.disk,
        'printf x | dd of="$ROOT/usr/bin/tempfile" conv=notrunc bs=1 seek=100\n'
        'rm "$ROOT/usr/lib/netbase/new"\n'
        'chmod 0777 "$ROOT/usr/bin/su"\n',
    )
    seen = used.report().seen()
    assert any("debianutils: 0 missing, 1 altered" in one for one in seen), seen
    assert any("netbase: 1 missing, 0 altered" in one for one in seen), seen
    assert any("/usr/bin/su has the mode 0777" in one for one in seen), seen
    assert len(seen) == 3, seen


@pytest.mark.slow  # an upgrade of a whole system, the first time
@pytest.mark.parametrize("layout", Layout)
def test_a_guest_upgraded_to_a_new_kernel_has_no_finding_above_note(
    layout: Layout, patient: Patients
) -> None:
    doctor = patient(layout, history=History.UPGRADED)
    kernels = native.change(doctor.disk, 'ls "$ROOT/boot" | grep -c ^vmlinuz-')
    assert int(kernels) >= 2
    report = doctor.report()
    assert report.seen() == []
    assert report.headline is None


@pytest.mark.slow
def test_the_new_kernels_lost_initramfs_is_found_on_an_upgraded_guest(patient: Patients) -> None:
    doctor = patient(Layout.BIOS, "initramfs_gone", history=History.UPGRADED)
    assert doctor.report().headline == "initramfs-image"
    report = doctor.report("--repair")
    assert report.seen() == [], report.words
    assert report.data["repair"]["failed"] == []
