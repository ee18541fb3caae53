"""/etc/nologin left behind: nobody but root may log in."""

from __future__ import annotations

from collections.abc import Iterator

from ..change import Remove
from ..model import Dpkg, Evidence, Finding, Link, Repair, Severity
from ..patient import Patient

ID = "login-nologin"
LINK = Link.LOGIN
TITLE = "no nologin file was left behind"
READS = "/etc/nologin, /var/run/nologin"
NEEDS_ROOT = True
DPKG = Dpkg.UNUSED


def examine(patient: Patient) -> Iterator[Finding]:
    """A finding for the file."""
    path = "/etc/nologin"
    if patient.files.lstat(path) is None:
        return
    text = (patient.files.text(path, 200) or "").strip()
    yield Finding(
        ID,
        LINK,
        Severity.WARNING,
        f"{path} was left behind",
        "Nobody but root may log in while it is there.",
        (Evidence(path, "not there", text or "there, empty"),),
        Repair("remove it", (Remove(path),)),
        (f"rm /mnt/vm1{path}",),
    )
