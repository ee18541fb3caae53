"""passwd, shadow and group: missing, empty, malformed, or without root."""

from __future__ import annotations

from collections.abc import Iterator

from ..change import PutFile
from ..formats import accounts
from ..model import Dpkg, Evidence, Finding, Link, Repair, Severity
from ..patient import Patient

ID = "login-accounts"
LINK = Link.LOGIN
TITLE = "passwd, shadow and group are there and know root"
READS = "/etc/passwd, /etc/shadow, /etc/group and their backups"
NEEDS_ROOT = True
DPKG = Dpkg.UNUSED
_MODES = {"passwd": 0o644, "group": 0o644}
_SHADOW_GROUP = 42  # Debian's; elsewhere the backup's own group is kept
_LEAST = {
    "passwd": "root:x:0:0:root:/root:/bin/sh\n",
    "group": "root:x:0:\n",
}


def examine(patient: Patient) -> Iterator[Finding]:
    """A finding for each of the files that does not serve."""
    for kind in ("passwd", "shadow", "group"):
        path = f"/etc/{kind}"
        text = patient.files.text(path)
        if kind == "shadow" and text is None and not _wants_shadow(patient):
            continue
        if text is None:
            yield _finding(patient, kind, f"{path} is missing", "missing")
        elif not text.strip("\0\n \t"):
            yield _finding(patient, kind, f"{path} is empty", f"{len(text)} bytes of nothing")
        elif "root" not in accounts.names(text):
            yield _finding(patient, kind, f"{path} has no root", "no line begins with root:")
        else:
            yield from _malformed(patient, kind, text)


def _wants_shadow(patient: Patient) -> bool:
    passwd = patient.files.text("/etc/passwd")
    return passwd is None or any(line.split(":")[1:2] == ["x"] for line in passwd.split("\n"))


def _backup(patient: Patient, kind: str) -> tuple[str, str]:
    """The newest backup that serves, and its path."""
    for path in (f"/etc/{kind}-", f"/var/backups/{kind}.bak"):
        text = patient.files.text(path)
        if text and "root" in accounts.names(text) and not accounts.malformed(text, kind):
            return text, path
    return "", ""


def _finding(patient: Patient, kind: str, seen: str, found: str) -> Finding:
    path = f"/etc/{kind}"
    text, source = _backup(patient, kind)
    repair = None
    if text:
        summary = f"put the backup {source} in its place{_warning(kind, text)}"
        repair = Repair(summary, (_put(patient, kind, source, text),))
    elif kind in _LEAST:
        least = PutFile(path, _LEAST[kind].encode(), beside=_has_content(patient, path))
        repair = Repair("write one with root alone", (least,))
    return Finding(
        ID,
        LINK,
        Severity.STOPS_BOOT if kind != "group" else Severity.WARNING,
        seen,
        "Nobody can log in, and services that run as their own user do not start.",
        (Evidence(path, "a line for root", found),),
        repair,
        (f"restore {path} from a backup, then: chroot the root and run pwck, grpck",),
    )


def _warning(kind: str, text: str) -> str:
    """Passwords are those of the backup; root may have had none then."""
    root = next((line.split(":") for line in text.split("\n") if line.startswith("root:")), [])
    if kind != "shadow" or (len(root) > 1 and root[1].startswith("$")):
        return ""
    return "; root has no password in it, set one: chroot /mnt/vm1 passwd root"


def _put(patient: Patient, kind: str, source: str, text: str) -> PutFile:
    gid = 0
    group = patient.files.text("/etc/group") or patient.files.text("/etc/group-") or ""
    if kind == "shadow":
        for line in group.split("\n"):
            if line.startswith("shadow:") and line.split(":")[2:3] != [""]:
                number = line.split(":")[2]
                gid = int(number) if number.isdigit() else _SHADOW_GROUP
    usual = patient.distribution.shadow_mode
    mode = _MODES.get(kind, usual if gid else usual & 0o600)
    data = text.encode("utf-8", "surrogateescape")
    path = f"/etc/{kind}"
    return PutFile(path, data, mode, 0, gid, beside=_has_content(patient, path))


def _has_content(patient: Patient, path: str) -> bool:
    return bool((patient.files.text(path) or "").strip("\0\n \t"))


def _malformed(patient: Patient, kind: str, text: str) -> Iterator[Finding]:
    wrong = accounts.malformed(text, kind)
    if not wrong:
        return
    path = f"/etc/{kind}"
    lines = text.split("\n")
    root_lost = any(lines[number - 1].startswith("root:") for number in wrong)
    left_out = set(wrong)
    kept = [line for number, line in enumerate(lines, 1) if number not in left_out]
    good, source = _backup(patient, kind)
    if root_lost and good:
        summary = f"put the backup {source} in its place"
        change = PutFile(path, good.encode("utf-8", "surrogateescape"), beside=True)
    elif root_lost:
        summary, change = "", None
    else:
        summary = "leave the malformed lines out"
        change = PutFile(path, "\n".join(kept).encode("utf-8", "surrogateescape"), beside=True)
    yield Finding(
        ID,
        LINK,
        Severity.STOPS_BOOT if root_lost else Severity.WARNING,
        f"{path} line {wrong[0]} is malformed",
        "The account of that line does not exist for the system.",
        tuple(
            Evidence(f"{path} line {number}", f"{accounts.FIELDS[kind]} fields", "other")
            for number in wrong[:10]
        ),
        Repair(summary, (change,)) if change else None,
        (f"correct {path} by hand; pwck and grpck name the lines",),
    )
