"""dpkg's status file: missing, empty or damaged; the boot goes on, but nothing can be installed."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from ..change import PutFile
from ..model import Dpkg, Evidence, Finding, Link, Repair, Severity
from ..packages import dpkg
from ..patient import Patient

ID = "base-dpkg-status"
LINK = Link.BASE_SYSTEM
TITLE = "the package database can be read"
READS = "/var/lib/dpkg/status and its backups"
NEEDS_ROOT = True
DPKG = Dpkg.NEEDED
PATH = f"{dpkg.ADMIN}/status"


def examine(patient: Patient) -> Iterator[Finding]:
    """One finding at most."""
    tree = patient.files
    if not tree.names(dpkg.INFO):
        return
    text = tree.text(PATH, dpkg.MOST_STATUS)
    fault = _fault(text)
    if not fault:
        return
    good, source = _backup(patient)
    repair = None
    if good:
        data = good.encode("utf-8", "surrogateescape")
        repair = Repair(f"put {source} in its place", (PutFile(PATH, data, 0o644, beside=True),))
    yield Finding(
        ID,
        LINK,
        Severity.WARNING,
        f"{PATH} {fault}",
        "The system boots; nothing can be installed, updated or removed.",
        (Evidence(PATH, "a paragraph for each package", fault),),
        repair,
        (f"cp /mnt/vm1{PATH}-old /mnt/vm1{PATH}, or from /var/backups/dpkg.status.*",),
    )


def _fault(text: str | None) -> str:
    if text is None:
        return "is missing"
    if not text.strip("\0\n "):
        return "is empty"
    if "\0" in text:
        return "has zeros in it"
    for number, fields in enumerate(dpkg.paragraphs(text)):
        if "package" not in fields or "status" not in fields:
            return f"is damaged in paragraph {number + 1}"
        if any(not set(name) <= _NAME for name in fields):
            return f"is damaged in paragraph {number + 1} ({fields['package']})"
    if not text.endswith("\n"):
        return "is cut off"
    return ""


_NAME = set("abcdefghijklmnopqrstuvwxyz0123456789-_")


def _backup(patient: Patient) -> tuple[str, str]:
    """The newest backup that is whole."""
    tree = patient.files
    copies = [
        f"/var/backups/{name}"
        for name in tree.names("/var/backups")
        if name.startswith("dpkg.status.")
    ]
    for path in (f"{PATH}-old", *copies[:10]):
        data = tree.read(path, dpkg.MOST_STATUS) or b""
        if path.endswith(".gz"):
            try:
                data = zlib.decompressobj(31).decompress(data, dpkg.MOST_STATUS)
            except zlib.error:
                continue
        text = data.decode("utf-8", "surrogateescape")
        if not _fault(text):
            return text, path
    return "", ""
