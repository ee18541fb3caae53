"""A repair that is killed at any moment can be repeated, and taken back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.layout import Layout
from lab.mending import Doctor
from lifebuoy.guest.doctor.loops import attached


@pytest.mark.rotate(5)
@pytest.mark.parametrize("after_s", [0.5, 1.0, 1.5, 2.0, 2.5])
def test_a_repair_killed_half_way_is_finished_by_the_next(
    after_s: float, patient: Callable[..., Doctor]
) -> None:
    doctor = patient(Layout.BIOS, "grub_files_gone", "passwd_shadow_gone", "fstab_bad_line")
    with subprocess.Popen(
        doctor.command("--repair", "--offline"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        time.sleep(after_s)
        os.killpg(process.pid, signal.SIGKILL)
    _released(doctor)
    report = doctor.report("--repair", "--offline")
    assert report.seen() == [], report.words


def _released(doctor: Doctor) -> None:
    """The kernel takes the mounts of a killed namespace down by itself, in its own time."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        done = subprocess.run(
            ["losetup", "-j", str(doctor.disk)], capture_output=True, text=True, check=True
        )
        if not done.stdout.strip():
            return
        time.sleep(0.1)
    raise AssertionError("a loop device was left behind")


def test_a_loop_device_goes_with_a_doctor_that_is_killed(
    patient: Callable[..., Doctor],
) -> None:
    doctor = patient(Layout.BIOS)
    start = 1 << 20
    with attached(str(doctor.disk), start, 4096 * 512, writable=True) as node:
        assert Path(node).read_bytes() == doctor.disk.read_bytes()[start : start + 4096 * 512]
    _released(doctor)
    script = (
        "import sys; from lifebuoy.guest.doctor.loops import attached\n"
        "with attached(sys.argv[1], 1 << 20, 1 << 20, writable=False) as node:\n"
        "    print(node, flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, doctor.disk], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"/dev/loop")
        process.kill()
    _released(doctor)
