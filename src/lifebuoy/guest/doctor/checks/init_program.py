"""/sbin/init: the program that the kernel starts as process 1 is gone or leads nowhere."""

from __future__ import annotations

import stat
from collections.abc import Iterator

from .. import units
from ..change import MakeLink
from ..model import Dpkg, Evidence, Finding, Link, Repair, Severity
from ..patient import Patient
from ..restoring import from_packages
from ..usr import Usr, shape
from . import base_merged_usr

ID = "init-program"
LINK = Link.INIT
TITLE = "/sbin/init leads to a program that can be run"
READS = "/sbin/init, /lib/systemd/systemd, /bin/busybox"
NEEDS_ROOT = True
DPKG = Dpkg.REPAIRS
BUSYBOX = "/bin/busybox"
#: as they are called on a merged and on a split system
_PROGRAMS = {
    Usr.MERGED: ("/usr/sbin/init", "/usr/lib/systemd/systemd"),
    Usr.SPLIT: ("/sbin/init", "/lib/systemd/systemd"),
}


def examine(patient: Patient) -> Iterator[Finding]:
    """One finding at most."""
    tree = patient.files
    if "sbin" in base_merged_usr.gone(patient):
        return
    found = tree.stat("/sbin/init")
    if found is not None and stat.S_ISREG(found.st_mode) and found.st_mode & 0o111:
        return
    programs = _PROGRAMS[shape(tree)]
    missing = [path for path in programs if tree.lstat(path) is None]
    repair = None
    if found is None:
        repair = from_packages(patient, missing or programs)
        if repair is None and tree.is_file(programs[1]):
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
        repair or from_packages(patient, programs),
        (patient.distribution.commands.init,),
    )


def _by_busybox(patient: Patient) -> bool:
    """Whether busybox, with the inittab that it reads, is this system's init."""
    tree = patient.files
    return tree.is_file(BUSYBOX) and tree.is_file("/etc/inittab") and not units.present(tree)
