"""What its owner wrote in /etc stays there, beside what a repair makes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from lab import native
from lab.layout import Layout
from lab.mending import Doctor
from lifebuoy.guest.doctor.checks import registry

Patients = Callable[..., Doctor]

#: each file that a repair rewrites, and the fault in it; every one has a line of its owner's, too
FAULTS: Final = {
    "/etc/fstab": "echo '/dev/vdz1 /data' >>$FILE",
    "/etc/passwd": "sed -i 's#^root:.*#root:x:0:0:root:/root:/usr/local/bin/zsh#' $FILE; "
    "echo 'kim:x:1000' >>$FILE",
    "/etc/shadow": "cp -p $FILE $FILE-; sed -i '/^root:/d' $FILE",
    "/etc/group": "sed -i '/^root:/d' $FILE",
    "/etc/pam.d/login": "sed -i '1i auth required pam_gone.so' $FILE",
    "/etc/ssh/sshd_config": "echo 'PermitRotLogin yes' >>$FILE",
    "/etc/ssh/sshd_config.d/site.conf": "echo 'Port twenty' >$FILE",
    "/etc/ld.so.preload": "echo '/usr/lib/gone.so' >$FILE",
}
MINE: Final = "# its owner's words"
IDS: Final = {
    "root-fstab",
    "login-accounts",
    "login-shell",
    "login-pam",
    "network-sshd-config",
    "base-loader-cache",
}


def test_a_file_of_its_owners_stays_beside_the_one_that_a_repair_writes(patient: Patients) -> None:
    doctor = patient(Layout.BIOS)
    commands = [
        f'FILE="$ROOT{path}"; {fault}; echo "{MINE}" >>$FILE' for path, fault in FAULTS.items()
    ]
    native.change(doctor.disk, "\n".join(commands))
    before = states(doctor)
    report = doctor.report("--repair", "--offline")
    assert report.seen() == [], report.words
    assert report.data["repair"]["failed"] == [], report.words
    assert set(report.mended) == IDS <= {check.ID for check in registry()}
    beside = f".before-{report.data['repair']['run']}"
    assert states(doctor, beside) == before
    assert not set(states(doctor)) & set(before)
    assert doctor.run("--undo").returncode == 0
    assert states(doctor) == before
    assert native.change(doctor.disk, 'find "$ROOT/etc" -name "*.before-*"') == ""


def states(doctor: Doctor, end: str = "") -> list[str]:
    """Content, owner and mode of each of the files, or of those with that end to their names."""
    each = " ".join(f'"$ROOT{path}{end}"' for path in FAULTS)
    told = 'sha256sum <"$path" | cut -d " " -f 1; stat -c "%a %u %g" "$path"'
    lines = native.change(doctor.disk, f"for path in {each}; do {told}; done").splitlines()
    assert len(lines) == 2 * len(FAULTS)
    return [
        f"{path} {text} {mode}"
        for path, text, mode in zip(FAULTS, lines[::2], lines[1::2], strict=True)
    ]
