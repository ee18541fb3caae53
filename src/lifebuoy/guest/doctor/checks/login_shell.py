"""root's shell: missing, or nothing that can be run."""

from __future__ import annotations

import stat
from collections.abc import Iterator

from ..change import PutFile
from ..formats import accounts
from ..model import Dpkg, Evidence, Finding, Link, Repair, Severity
from ..patient import Patient
from ..restoring import from_packages
from . import base_merged_usr

ID = "login-shell"
LINK = Link.LOGIN
TITLE = "root's shell can be run"
READS = "/etc/passwd, the shell that it names"
NEEDS_ROOT = True
DPKG = Dpkg.REPAIRS
_CHOICES = ("/bin/bash", "/bin/sh", "/bin/ash", "/bin/dash", "/bin/busybox")
_CLOSED = ("/nologin", "/false")


def examine(patient: Patient) -> Iterator[Finding]:
    """One finding at most."""
    tree = patient.files
    text = tree.text("/etc/passwd") or ""
    root = next((one for one in accounts.accounts(text) if one.uid == 0), None)
    if root is None or root.name != "root" or base_merged_usr.gone(patient):
        return
    shell = root.shell or "/bin/sh"
    if shell.endswith(_CLOSED):
        return  # closed on purpose
    found = tree.stat(shell)
    if found is not None and stat.S_ISREG(found.st_mode) and found.st_mode & 0o111:
        return
    state = "missing" if found is None else "there, but cannot be run"
    repair = from_packages(patient, [shell]) if found is None else None
    other = next((one for one in _CHOICES if tree.is_file(one) and one != shell), "")
    if repair is None and other:
        lines = [
            ":".join([*line.split(":")[:6], other]) if line.startswith("root:") else line
            for line in text.split("\n")
        ]
        data = "\n".join(lines).encode("utf-8", "surrogateescape")
        repair = Repair(f"give root {other}", (PutFile("/etc/passwd", data, beside=True),))
    yield Finding(
        ID,
        LINK,
        Severity.STOPS_BOOT,
        f"root's shell {shell} is {state}",
        "The password is accepted, and the session ends at once.",
        (Evidence("/etc/passwd", "a shell that exists", shell),),
        repair,
        (f"usermod --root /mnt/vm1 --shell {other or '/bin/sh'} root",),
    )
