"""What systemd starts: default.target missing, masked or leading nowhere; vital units masked."""

from __future__ import annotations

from collections.abc import Iterator

from .. import units
from ..change import MakeLink, Remove
from ..model import Dpkg, Evidence, Finding, Link, Repair, Severity
from ..patient import Patient

ID = "init-target"
LINK = Link.INIT
TITLE = "default.target leads to a target, and nothing that every boot needs is masked"
READS = "/etc/systemd/system, /usr/lib/systemd/system"
NEEDS_ROOT = True
DPKG = Dpkg.UNUSED
OWN = "/etc/systemd/system/default.target"
_VITAL = (
    "sysinit.target",
    "basic.target",
    "multi-user.target",
    "graphical.target",
    "local-fs.target",
    "systemd-udevd.service",
    "systemd-udev-trigger.service",
    "systemd-user-sessions.service",
    "dbus.service",
    "dbus.socket",
    "systemd-remount-fs.service",
    "systemd-tmpfiles-setup.service",
)
_STOPS = {"sysinit.target", "basic.target", "local-fs.target", "systemd-udevd.service"}


def examine(patient: Patient) -> Iterator[Finding]:
    """Findings about the default target and about masked units."""
    tree = patient.files
    if not units.present(tree):
        return
    path = units.masked_at(tree, "default.target")
    own = tree.lstat(OWN)
    if path:
        yield _target(patient, f"{path} masks the default target", f"{path} -> /dev/null")
    elif own is not None and not tree.exists(OWN):
        link = tree.link(OWN)
        yield _target(patient, f"{OWN} leads to {link}, which is missing", f"a link to {link}")
    elif not units.found(tree, "default.target"):
        yield _target(patient, "there is no default.target", "missing")
    for unit in _VITAL:
        mask = units.masked_at(tree, unit)
        if mask:
            yield _masked(unit, mask, unit == _goal(patient))


def _goal(patient: Patient) -> str:
    tree = patient.files
    real = tree.resolve(OWN) or tree.resolve(units.found(tree, "default.target"))
    return (real or "").rpartition("/")[2]


def _target(patient: Patient, seen: str, found: str) -> Finding:
    goal = next(
        (
            f"{folder}/{name}"
            for name in ("multi-user.target", "graphical.target")
            for folder in ("/usr/lib/systemd/system", "/lib/systemd/system")
            if patient.files.is_file(f"{folder}/{name}")
        ),
        "",
    )
    repair = Repair(f"link it to {goal}", (MakeLink(OWN, goal),)) if goal else None
    return Finding(
        ID,
        LINK,
        Severity.STOPS_BOOT,
        seen,
        "systemd does not know what to start, and stops in emergency mode or freezes.",
        (Evidence(OWN, "a link to a target, or none and the package's own", found),),
        repair,
        ("ln -sf /lib/systemd/system/multi-user.target /mnt/vm1" + OWN,),
    )


def _masked(unit: str, mask: str, is_goal: bool) -> Finding:
    return Finding(
        ID,
        LINK,
        Severity.STOPS_BOOT if unit in _STOPS or is_goal else Severity.WARNING,
        f"{unit} is masked",
        "Every boot to a login needs it.",
        (Evidence(mask, "not there", "a link to /dev/null, or empty"),),
        Repair("unmask it", (Remove(mask),)),
        (f"rm /mnt/vm1{mask}",),
    )
