"""Owner and mode of what everything passes through: wrong ones lock services and users out."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass

from ..change import SetMode
from ..model import Dpkg, Evidence, Finding, Link, Repair, Severity
from ..packages import dpkg
from ..patient import Patient
from ..usr import Usr, shape

ID = "base-modes"
LINK = Link.BASE_SYSTEM
TITLE = "owner and mode of /, /usr, /etc, /tmp, sudo, the password files are right"
READS = "owner and mode of these, dpkg's statoverride"
NEEDS_ROOT = True
DPKG = Dpkg.UNUSED


@dataclass(frozen=True)
class Rule:
    """What a path must be: bits it must have and must not have; ``usual`` is what mends it."""

    path: str
    needed: int
    forbidden: int
    usual: int
    stops: bool = False


_RULES = (
    *(
        Rule(path, 0o555, 0o022, 0o755)
        for path in ("/", "/usr", "/usr/bin", "/usr/sbin", "/usr/lib", "/etc", "/var", "/var/lib")
    ),
    Rule("/usr/lib/x86_64-linux-gnu", 0o555, 0o022, 0o755),
    Rule("/tmp", 0o1777, 0, 0o1777),
    Rule("/var/tmp", 0o1777, 0, 0o1777),
    Rule("/usr/bin/sudo", 0o4100, 0o022, 0o4755),  # an owner may keep them for a group
    Rule("/usr/bin/su", 0o4100, 0o022, 0o4755),
    Rule("/etc/sudoers", 0o400, 0o137, 0o440),
    Rule("/etc/passwd", 0o444, 0o022, 0o644),
    Rule("/etc/group", 0o444, 0o022, 0o644),
    Rule("/etc/shadow", 0, 0o137, 0o640),
    Rule("/root", 0o500, 0o022, 0o700),
    Rule("/usr/sbin/sshd", 0o500, 0o022, 0o755),
    Rule("/bin/bash", 0o111, 0o022, 0o755, stops=True),
    Rule("/bin/sh", 0o111, 0o022, 0o755, stops=True),
    Rule("/bin/login", 0o111, 0o022, 0o755, stops=True),
    Rule("/sbin/agetty", 0o100, 0o022, 0o755, stops=True),
    Rule("/lib/systemd/systemd", 0o500, 0o022, 0o755, stops=True),
    Rule("/lib64/ld-linux-x86-64.so.2", 0o555, 0o022, 0o755, stops=True),
    Rule("/lib/ld-musl-x86_64.so.1", 0o555, 0o022, 0o755, stops=True),
    Rule("/run", 0o555, 0o022, 0o755),
)
#: what is in /usr everywhere else
_SPLIT_RULES = (
    *(Rule(path, 0o555, 0o022, 0o755) for path in ("/bin", "/sbin", "/lib", "/lib64")),
    Rule("/lib/x86_64-linux-gnu", 0o555, 0o022, 0o755),
    Rule("/bin/su", 0o4100, 0o022, 0o4755),
)


def examine(patient: Patient) -> Iterator[Finding]:
    """A finding for each path that is otherwise."""
    split = _SPLIT_RULES if shape(patient.files) is Usr.SPLIT else ()
    for rule in (*_RULES, *split):
        found = patient.files.stat(rule.path)
        if found is None:
            continue
        mode = stat.S_IMODE(found.st_mode)
        if _as_overridden(patient, rule, mode):
            continue
        wrong = (mode & rule.needed) != rule.needed or bool(mode & rule.forbidden)
        owned = found.st_uid == 0
        if not wrong and owned:
            continue
        yield _finding(patient, rule, mode, found.st_uid, found.st_gid)


def _as_overridden(patient: Patient, rule: Rule, mode: int) -> bool:
    """Whether the owner told dpkg to give it this mode; not where nobody could run it then."""
    database = dpkg.database(patient)
    override = database.overrides.get(database.canonical(rule.path)) if database else None
    return override is not None and override.mode == mode and not (rule.stops and not mode & 0o111)


def _finding(patient: Patient, rule: Rule, mode: int, uid: int, gid: int) -> Finding:
    group = gid if rule.path == "/etc/shadow" and uid == 0 else 0
    # root may pass everywhere, but runs only what somebody may run
    locked = rule.stops and not mode & 0o111
    usual = patient.distribution.shadow_mode if rule.path == "/etc/shadow" else rule.usual
    return Finding(
        ID,
        LINK,
        Severity.STOPS_BOOT if locked else Severity.WARNING,
        f"{rule.path} has the mode {mode:04o} and belongs to user {uid}",
        "Services and users that do not run as root cannot pass, or a tool refuses to work."
        if not mode & rule.forbidden
        else "Others can write it; SSH, sudo and systemd refuse what is so.",
        (Evidence(rule.path, f"{usual:04o}, user 0", f"{mode:04o}, user {uid}"),),
        Repair(f"set it to {usual:04o}, root", (SetMode(rule.path, usual, 0, group),)),
        (f"chown root /mnt/vm1{rule.path}; chmod {usual:04o} /mnt/vm1{rule.path}",),
    )
