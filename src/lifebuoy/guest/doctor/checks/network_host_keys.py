"""SSH host keys: none at all, empty, or readable by others, in which case sshd refuses them."""

from __future__ import annotations

import stat
from collections.abc import Iterator

from .. import openrc, units
from ..change import RunOutside, SetMode
from ..model import Dpkg, Evidence, Finding, Link, Repair, Severity
from ..patient import Patient

ID = "network-host-keys"
LINK = Link.NETWORK
TITLE = "sshd has host keys, and only root can read them"
READS = "/etc/ssh/ssh_host_*_key, their modes; not the keys"
NEEDS_ROOT = True
DPKG = Dpkg.UNUSED
FOLDER = "/etc/ssh"
_KINDS = ("rsa", "ecdsa", "ed25519")


def examine(patient: Patient) -> Iterator[Finding]:
    """A finding for none, and one for keys that are too open."""
    tree = patient.files
    if not tree.exists("/usr/sbin/sshd") or not tree.is_folder(FOLDER):
        return
    keys = [
        f"{FOLDER}/{name}"
        for name in tree.names(FOLDER)
        if name.startswith("ssh_host_") and name.endswith("_key")
    ]
    whole = [path for path in keys if (found := tree.stat(path)) is not None and found.st_size > 60]
    if not whole and not _made_at_boot(patient):
        yield _none()
    for path in whole:
        found = tree.stat(path)
        assert found is not None
        mode = stat.S_IMODE(found.st_mode)
        grouped = found.st_gid != 0 and patient.distribution.keys_by_group
        allowed = 0o640 if grouped else 0o600
        if mode & ~0o700 & ~allowed or found.st_uid != 0:
            yield _open(path, mode, found.st_uid)


def _made_at_boot(patient: Patient) -> bool:
    """Systems whose own service makes the keys."""
    names = ("sshd-keygen.target", "sshd-keygen@.service", "sshdgenkeys.service", "sshd.init")
    if any(units.found(patient.files, name) for name in names):
        return True
    return openrc.has(patient.files, "sshd") or patient.files.exists("/etc/cloud/cloud.cfg")


def _none() -> Finding:
    saves = tuple(f"{FOLDER}/ssh_host_{kind}_key{end}" for kind in _KINDS for end in ("", ".pub"))
    return Finding(
        ID,
        LINK,
        Severity.WARNING,
        "there are no SSH host keys",
        "sshd does not start without one.",
        (Evidence(FOLDER, "ssh_host_ed25519_key or another", "none"),),
        Repair(
            "make new ones; who connects will be told that they changed",
            (RunOutside(("ssh-keygen", "-A", "-f", "{root}"), saves),),
        ),
        ("ssh-keygen -A -f /mnt/vm1",),
    )


def _open(path: str, mode: int, uid: int) -> Finding:
    return Finding(
        ID,
        LINK,
        Severity.WARNING,
        f"the host key {path} has the mode {mode:04o} and belongs to user {uid}",
        "sshd refuses a key that others can read: UNPROTECTED PRIVATE KEY FILE.",
        (Evidence(path, "0600, user 0", f"{mode:04o}, user {uid}"),),
        Repair("set it to 0600, root", (SetMode(path, 0o600),)),
        (f"chmod 600 /mnt/vm1{path}",),
    )
