"""sshd is installed and has keys, but nothing starts it."""

from __future__ import annotations

from collections.abc import Iterator

from .. import openrc, units
from ..change import Change, MakeLink, Remove
from ..model import Dpkg, Evidence, Finding, Link, Repair, Severity
from ..patient import Patient

ID = "network-sshd-enabled"
LINK = Link.NETWORK
TITLE = "sshd is started at boot"
READS = "the links of systemd's units for ssh and sshd; OpenRC's runlevels"
NEEDS_ROOT = True
DPKG = Dpkg.UNUSED
_UNITS = ("ssh.service", "sshd.service", "ssh.socket", "sshd.socket")
_WANTS = "/etc/systemd/system/multi-user.target.wants"


def examine(patient: Patient) -> Iterator[Finding]:
    """One finding at most."""
    tree = patient.files
    if not tree.exists("/usr/sbin/sshd"):
        return
    if not units.present(tree):
        if openrc.has(tree, "sshd") and not openrc.is_started(tree, "sshd"):
            yield _no_runlevel()
        return
    there = [unit for unit in _UNITS if units.found(tree, unit)]
    masks = {unit: units.masked_at(tree, unit) for unit in _UNITS}
    masked = {unit: path for unit, path in masks.items() if path}
    home = next(
        (
            f"{folder}/{unit}"
            for unit in ("ssh.service", "sshd.service")
            for folder in ("/usr/lib/systemd/system", "/lib/systemd/system")
            if tree.is_file(f"{folder}/{unit}")
        ),
        "",
    )
    if not there and not masked:
        return
    if not masked and any(units.wanted_by_any(tree, unit) for unit in _UNITS):
        return
    unit = home.rpartition("/")[2]
    changes: list[Change] = [Remove(path) for path in masked.values()]
    if unit and not any(units.wanted_by_any(tree, one) for one in _UNITS):
        changes.append(MakeLink(f"{_WANTS}/{unit}", home))
    state = f"masked ({', '.join(masked)})" if masked else "not enabled"
    yield Finding(
        ID,
        LINK,
        Severity.WARNING,
        f"the SSH server is {state}",
        "The system starts, and nobody comes in over the network.",
        (Evidence(f"{_WANTS}/{unit}", "a link", state),),
        Repair("have it started at boot", tuple(changes)) if home else None,
        tuple(
            f"systemctl --root=/mnt/vm1 {verb} {unit or 'sshd'}" for verb in ("unmask", "enable")
        ),
    )


def _no_runlevel() -> Finding:
    path = f"{openrc.DEFAULT}/sshd"
    return Finding(
        ID,
        LINK,
        Severity.WARNING,
        "the SSH server is in no runlevel",
        "The system starts, and nobody comes in over the network.",
        (Evidence(path, "a link", "missing"),),
        Repair("have it started at boot", (MakeLink(path, "/etc/init.d/sshd"),)),
        ("chroot the root, then: rc-update add sshd default",),
    )
