"""The logins on the screen and the serial line: masked, or their unit gone."""

from __future__ import annotations

from collections.abc import Iterator

from .. import openrc, units
from ..change import Change, PutFile, Remove
from ..model import Dpkg, Evidence, Finding, Link, Repair, Severity
from ..patient import Patient
from ..restoring import from_packages

ID = "login-getty"
LINK = Link.LOGIN
TITLE = "a login appears on the screen and on the serial line"
READS = "getty@.service, serial-getty@.service, getty.target, their masks; /etc/inittab"
NEEDS_ROOT = True
DPKG = Dpkg.REPAIRS
_UNITS = (
    "getty.target",
    "getty@.service",
    "getty@tty1.service",
    "serial-getty@.service",
    "serial-getty@ttyS0.service",
)


def examine(patient: Patient) -> Iterator[Finding]:
    """A finding for masks, and one for missing units."""
    tree = patient.files
    if not units.present(tree):
        yield from _inittab(patient)
        return
    masks = {unit: units.masked_at(tree, unit) for unit in _UNITS}
    masked = {unit: path for unit, path in masks.items() if path}
    if masked:
        screen = any(unit.startswith("getty") for unit in masked)
        serial = any(unit.startswith("serial") for unit in masked) or "getty.target" in masked
        changes: tuple[Change, ...] = tuple(Remove(path) for path in masked.values())
        yield Finding(
            ID,
            LINK,
            Severity.STOPS_BOOT if screen and serial else Severity.WARNING,
            f"the login {', '.join(masked)} is masked",
            "No login appears there.",
            tuple(Evidence(path, "not there", "a mask") for path in masked.values()),
            Repair("unmask it", changes),
            tuple(f"rm /mnt/vm1{path}" for path in masked.values()),
        )
    gone = [
        unit
        for unit in ("getty.target", "getty@.service", "serial-getty@.service")
        if unit not in masked and not units.found(tree, unit)
    ]
    if gone:
        paths = [f"/usr/lib/systemd/system/{unit}" for unit in gone]
        yield Finding(
            ID,
            LINK,
            Severity.STOPS_BOOT,
            f"the unit {gone[0]} is missing",
            "No login appears.",
            tuple(Evidence(path, "a unit", "missing") for path in paths),
            from_packages(patient, paths),
            patient.distribution.put_back(paths[0]),
        )


def _inittab(patient: Patient) -> Iterator[Finding]:
    """Where busybox's init keeps the logins running; without the file it has some of its own."""
    text = patient.files.text(openrc.INITTAB)
    if text is None or not openrc.present(patient.files) or openrc.getties(text):
        return
    kept = text if not text or text.endswith("\n") else f"{text}\n"
    new = f"{kept}tty1::respawn:/sbin/getty 38400 tty1\n"
    change = PutFile(openrc.INITTAB, new.encode("utf-8", "surrogateescape"), beside=True)
    yield Finding(
        ID,
        LINK,
        Severity.STOPS_BOOT,
        f"no line of {openrc.INITTAB} starts a login",
        "The system starts, and nobody can log in at its screen.",
        (Evidence(openrc.INITTAB, "tty1::respawn:/sbin/getty 38400 tty1", "no such line"),),
        Repair("add one for the screen", (change,)),
        (f"add the line to {openrc.INITTAB}: tty1::respawn:/sbin/getty 38400 tty1",),
    )
