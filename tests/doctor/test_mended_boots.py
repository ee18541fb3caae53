"""What the doctor has mended boots to its login, and lets its owner in by SSH.

A rotating sample with every run, see ``sampling``; all of them with `make test-all`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from lab import boot
from lab.breakage import registry
from lab.layout import Layout
from lab.mending import Doctor
from tests.doctor import sampling
from tests.doctor.sampling import Boot

Patients = Callable[..., Doctor]
BOOT_S: Final = 240  # a deadline; it takes about 13 in emulation where nothing else runs
TODAY: Final = [pytest.param(one, id=str(one)) for one in sampling.today()]
REST: Final = [
    pytest.param(one, marks=pytest.mark.slow, id=str(one))
    for layout in Layout
    for one in sampling.everything(layout)
]


@pytest.mark.rotate(5)
@pytest.mark.parametrize("broken", [*TODAY, *REST])
def test_a_guest_boots_again_when_all_of_its_faults_are_mended(
    broken: Boot, patient: Patients
) -> None:
    doctor = patient(broken.layout, *broken.names)
    report = doctor.report("--repair")
    assert report.data["repair"]["failed"] == [], report.words
    assert report.seen() == [], report.words
    assert {registry()[name].finding for name in broken.names} <= set(report.mended), report.words
    serial, ssh = boot.to_ssh(
        doctor.disk, broken.layout.firmware, timeout_s=BOOT_S, image_format="raw"
    )
    assert serial.accepted, serial.last_seen
    assert ssh.accepted, ssh.transcript


def test_every_day_has_eight_breakages_or_more_and_weeks_have_all() -> None:
    seen = set()
    for day in range(60):
        today = sampling.sample(day)
        names = [name for one in today for name in one.names]
        assert len(names) == len(set(names)) >= 8
        assert all(one.layout in registry()[name].layouts for one in today for name in one.names)
        seen |= set(names)
    assert seen == set(registry())


@pytest.mark.parametrize("layout", Layout)
def test_nothing_is_left_out_of_a_whole_run(layout: Layout) -> None:
    names = [name for one in sampling.everything(layout) for name in one.names]
    wanted = [name for name, one in registry().items() if layout in one.layouts]
    assert sorted(names) == sorted(wanted)
    assert sorted(name for one in sampling.each_once() for name in one.names) == sorted(registry())
