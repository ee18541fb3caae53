"""/sbin/init: the program that the kernel starts as process 1 is gone or leads nowhere."""

from __future__ import annotations

import stat
from collections.abc import Iterator

from .. import units
from ..change import MakeLink
from ..model import Dpkg, Evidence, Finding, Link, Repair, Severity
from ..patient import Patient
from ..restoring import from_packages

ID = "init-program"
LINK = Link.INIT
TITLE = "/sbin/init leads to a program that can be run"
READS = "/sbin/init, /lib/systemd/systemd, /bin/busybox"
NEEDS_ROOT = True
DPKG = Dpkg.REPAIRS
SYSTEMD = "/usr/lib/systemd/systemd"
BUSYBOX = "/bin/busybox"


def examine(patient: Patient) -> Iterator[Finding]:
    """One finding at most."""
    tree = patient.files
    if not tree.is_folder("/sbin"):
        return  # the links of a merged /usr have a check of their own
    found = tree.stat("/sbin/init")
    if found is not None and stat.S_ISREG(found.st_mode) and found.st_mode & 0o111:
        return
    missing = [path for path in ("/usr/sbin/init", SYSTEMD) if tree.lstat(path) is None]
    repair = None
    if found is None:
        repair = from_packages(patient, missing or ["/usr/sbin/init", SYSTEMD])
        if repair is None and tree.is_file(SYSTEMD):
            repair = Repair("link it to systemd", (MakeLink("/sbin/init", "/lib/systemd/systemd"),))
        elif repair is None and _by_busybox(patient):
            repair = Repair("link it to busybox", (MakeLink("/sbin/init", BUSYBOX),))
    state = "missing" if found is None else "there, but no program that can be run"
    yield Finding(
        ID,
        LINK,
        Severity.STOPS_BOOT,
        f"/sbin/init is {state}",
        "The initramfs or the kernel finds nothing to hand over to, and panics.",
        (Evidence("/sbin/init", "a program, or a link to one", state),),
        repair or from_packages(patient, ["/usr/sbin/init", SYSTEMD]),
        (patient.distribution.commands.init,),
    )


def _by_busybox(patient: Patient) -> bool:
    """Whether busybox, with the inittab that it reads, is this system's init."""
    tree = patient.files
    return tree.is_file(BUSYBOX) and tree.is_file("/etc/inittab") and not units.present(tree)
