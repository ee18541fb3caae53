"""Units that their owner edited where the package has them are no fault as long as they load."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from lab import native, packages
from lab.layout import Layout
from lab.mending import Doctor, Report

Patients = Callable[..., Doctor]

UNITS: Final = "/usr/lib/systemd/system"
GETTY: Final = f"{UNITS}/getty@.service"
#: as owners do it: a login without a password, a variable, a line that systemd passes over
EDITS: Final = f"""
sed -i 's#^ExecStart=.*#ExecStart=-/sbin/agetty --autologin root --noclear - $TERM#' "$ROOT{GETTY}"
sed -i '/^\\[Service\\]/a Environment=TZ=Asia/Shanghai' "$ROOT{UNITS}/ssh.service"
echo 'no setting' >>"$ROOT{UNITS}/systemd-logind.service"
"""
DAMAGE: Final = f"""
sed -i 's/^\\[Service\\]/[Service/' "$ROOT{UNITS}/systemd-networkd.service"
sed -i 's#^ExecStart=[^ ]*#ExecStart=/usr/bin/gone#' "$ROOT{UNITS}/systemd-journald.service"
"""


def notes(report: Report) -> list[str]:
    found = [one for link in report.data["chain"] for one in link["findings"]]
    return sorted(one["seen"] for one in found if one["id"] == "base-package-files")


def test_edited_units_that_load_are_a_note_and_left_alone_and_others_are_put_back(
    patient: Patients,
) -> None:
    doctor = patient(Layout.BIOS)
    native.change(doctor.disk, EDITS)
    edited = native.read(doctor.disk, GETTY)
    report = doctor.report()
    assert report.seen() == []
    assert [one.partition(", such")[0] for one in notes(report)] == [
        "units of the package openssh-server are not as in the package",
        "units of the package systemd are not as in the package",
    ]
    native.change(doctor.disk, DAMAGE)
    packages.installed(doctor.disk, "systemd", doctor.packages)
    mended = doctor.report("--repair", "--offline")
    assert (mended.mended, mended.seen()) == (["base-package-files"], []), mended.words
    assert notes(mended) == notes(report)
    assert native.read(doctor.disk, GETTY) == edited
