"""A system whose /bin, /sbin and /lib are no links into /usr: no false alarm, and mended there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from lab import mending, native, packages, splitting
from lab.layout import History, Layout
from lab.mending import Doctor
from tests.doctor.conftest import CheckedDoctor

LIBC: Final = "/lib/x86_64-linux-gnu/libc.so.6"
LOADER: Final = "/lib64/ld-linux-x86-64.so.2"
#: the commands that break it, and the finding that stops the boot
BREAKAGES: Final = {
    "libc cut off": (f'truncate --size=4096 "$ROOT{LIBC}"', "base-libraries"),
    "loader gone": (f'rm "$ROOT{LOADER}"', "base-libraries"),
    "/lib64 gone": ('rm -r "$ROOT/lib64"', "base-libraries"),
    "shells gone": ('rm "$ROOT/bin/sh" "$ROOT/bin/bash"', "login-shell"),
    "init gone": ('rm "$ROOT/sbin/init" "$ROOT/lib/systemd/systemd"', "init-program"),
    "/sbin gone": ('rm -r "$ROOT/sbin"', "init-program"),
    "getty gone": ('rm "$ROOT/lib/systemd/system/getty@.service"', "login-getty"),
    "modules gone": ('rm -r "$ROOT"/lib/modules/*', "kernel-modules"),
}
#: what they need, so that it is downloaded once for all runs
PACKAGES: Final = ("libc6", "bash", "dash", "systemd", "systemd-sysv")
#: several at a time, none of which hides another
TOGETHER: Final = [
    ("libc cut off", "/lib64 gone", "shells gone"),
    pytest.param(("init gone", "getty gone", "loader gone"), marks=pytest.mark.slow),
    pytest.param(("modules gone",), marks=pytest.mark.slow),
    pytest.param(("/sbin gone",), marks=pytest.mark.slow),
]


@pytest.fixture(scope="module")
def split(
    bases: Callable[[Layout, History], Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The raw image of such a guest."""
    disk = tmp_path_factory.mktemp("split") / "disk.raw"
    splitting.by_hand(native.sparse_copy(bases(Layout.BIOS, History.FRESH), disk))
    return disk


@pytest.fixture
def doctor(split: Path, program: Path, tmp_path: Path) -> Doctor:
    """The doctor over a copy of it."""
    disk = native.sparse_copy(split, tmp_path / "disk.raw")
    return CheckedDoctor(program, disk, mending.packages())


def test_a_healthy_system_without_a_merged_usr_has_no_finding_above_note(doctor: Doctor) -> None:
    report = doctor.report()
    assert report.seen() == []
    assert report.data["system"] == "Debian GNU/Linux 11 (bullseye)"


@pytest.mark.parametrize("names", TOGETHER, ids="+".join)
def test_what_breaks_it_is_mended_in_its_own_folders(
    names: tuple[str, ...], doctor: Doctor
) -> None:
    for name in PACKAGES:
        packages.installed(doctor.disk, name, doctor.packages)
    whole = {path: native.read(doctor.disk, path) for path in (LIBC, LOADER, "/bin/bash")}
    native.change(doctor.disk, "\n".join(BREAKAGES[name][0] for name in names))
    report = doctor.report("--repair")
    assert report.seen() == [], report.words
    assert report.data["repair"]["failed"] == [], report.words
    assert {BREAKAGES[name][1] for name in names} <= set(report.mended), report.words
    assert {path: native.read(doctor.disk, path) for path in whole} == whole
    native.change(doctor.disk, 'for one in bin sbin lib lib64; do ! test -L "$ROOT/$one"; done')
