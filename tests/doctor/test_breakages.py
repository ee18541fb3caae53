"""Every breakage of the lab is found, mended, found no more, and comes back with an undo.

Some of them with every run, in turns; all with `make test-all`.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from lab import native
from lab.breakage import registry
from lab.layout import Layout
from lab.mending import Doctor
from tests.doctor import sampling
from tests.doctor.sampling import Boot

Patients = Callable[..., Doctor]


_TODAY = {(one.layout, name) for one in sampling.today() for name in one.names}


def _cases() -> list[object]:
    """Those of today's sample with every run, the others with `make test-all`."""
    return [
        pytest.param(layout, name, marks=() if (layout, name) in _TODAY else pytest.mark.slow)
        for name, breakage in registry().items()
        for layout in Layout
        if layout in breakage.layouts
    ]


@pytest.mark.rotate(5)  # odd, as the layouts are those of every second day
@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(one, id=str(one), marks=sampling.todays(one.layout))
        for one in sampling.each_once()
    ],
)
def test_every_breakage_is_found_and_mended(broken: Boot, patient: Patients) -> None:
    report = patient(broken.layout, *broken.names).report("--repair")
    assert report.seen() == [], report.words
    assert report.data["repair"]["failed"] == [], report.words
    assert {registry()[name].finding for name in broken.names} <= set(report.mended), report.words


@pytest.mark.rotate(3)
@pytest.mark.parametrize(("layout", "name"), _cases())
def test_a_breakage_is_found_mended_and_can_be_undone(
    layout: Layout, name: str, patient: Patients
) -> None:
    breakage = registry()[name]
    doctor = patient(layout, name)
    before = doctor.report()
    assert breakage.finding in before.ids(), before.seen()
    assert before.headline == (None if layout in breakage.boots_on else breakage.finding)
    mended = doctor.report("--repair")
    assert mended.seen() == [], mended.words
    assert mended.data["repair"]["failed"] == []
    again = doctor.report("--repair")
    assert again.data["repair"]["mended"] == []
    undone = doctor.run("--undo")
    assert undone.returncode == 0, undone.stderr
    assert doctor.report().ids() == before.ids()


@pytest.mark.parametrize(
    "layout", [pytest.param(one, marks=sampling.todays(one)) for one in Layout]
)
def test_a_healthy_guest_has_no_finding_above_note(layout: Layout, patient: Patients) -> None:
    report = patient(layout).report()
    assert report.seen() == []
    assert report.headline is None


def test_a_file_rewritten_for_several_faults_is_kept_as_its_owner_had_it(
    patient: Patients,
) -> None:
    doctor = patient(Layout.BIOS, "fstab_malformed", "fstab_wrong_root", "fstab_bad_line")
    before = native.read(doctor.disk, "/etc/fstab")
    report = doctor.report("--repair")
    assert report.mended == ["root-fstab"] * 2, report.words
    assert report.seen() == []
    run = report.data["repair"]["run"]
    assert native.read(doctor.disk, f"/etc/fstab.before-{run}") == before
    assert doctor.run("--undo").returncode == 0
    assert native.read(doctor.disk, "/etc/fstab") == before
    assert native.read(doctor.disk, f"/etc/fstab.before-{run}") is None


def test_looking_and_a_dry_run_write_nothing_and_the_latter_shows_a_diff(
    patient: Patients, tmp_path: Path
) -> None:
    doctor = patient(Layout.BIOS, "fstab_bad_line", "passwd_shadow_gone")
    before = native.sparse_copy(doctor.disk, tmp_path / "before.raw")
    doctor.report()
    done = doctor.run("--repair", "--dry-run")
    assert "-UUID=0badf57a-0000-4000-8000-000000000000" in done.stdout
    subprocess.run(["cmp", str(before), str(doctor.disk)], check=True, timeout=120)
